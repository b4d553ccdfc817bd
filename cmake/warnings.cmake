# The compiler options that every C file of the project gets, on every target.

set(quire_c_options
    -std=c23 -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Wswitch-enum -Wthread-safety -Werror
    # File names in asserts are short and the same in every clone.
    -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)

add_library(quire_warnings INTERFACE)
target_compile_options(quire_warnings INTERFACE "$<$<COMPILE_LANGUAGE:C>:${quire_c_options}>")
