# Toolchain for everything that runs on the machine: clang-19 and lld-19, no operating system beneath.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

set(CMAKE_C_COMPILER clang-19)
set(CMAKE_ASM_COMPILER clang-19)
set(CMAKE_AR llvm-ar-19)
set(CMAKE_RANLIB llvm-ranlib-19)
set(CMAKE_C_COMPILER_TARGET x86_64-unknown-none-elf)
set(CMAKE_ASM_COMPILER_TARGET x86_64-unknown-none-elf)

# There is nothing yet that a test executable could be linked with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# Executables are linked by ld.lld itself: no start files, no libraries but ours.
set(CMAKE_C_LINK_EXECUTABLE "ld.lld-19 <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>")
set(CMAKE_ASM_LINK_EXECUTABLE ${CMAKE_C_LINK_EXECUTABLE})

# Installed by ./quire sdk, the package Quire lies beside this file, and find_package needs no other hint.
if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/QuireConfig.cmake)
    set(Quire_DIR ${CMAKE_CURRENT_LIST_DIR})
endif()
