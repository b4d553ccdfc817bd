# What runs on the machine: two kernels, the pager, the programs.
#
# The libraries exist twice: programs may use vector registers, the pager and test pagers may not (their threads have no vector state).
# Output: build/PRESET/kernel, kernel-test, pager, programs/NAME, tests/NAME (of tests/machine/programs), bench/NAME.

set(quire_freestanding_options
    -ffreestanding -nostdlibinc -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections)
set(quire_link_options -static -nostdlib --no-pie -zmax-page-size=4096 -znoexecstack --gc-sections --build-id=none --fatal-warnings)
add_library(quire_freestanding INTERFACE)
target_link_libraries(quire_freestanding INTERFACE quire_warnings)
target_compile_options(quire_freestanding INTERFACE ${quire_freestanding_options})
target_link_options(quire_freestanding INTERFACE ${quire_link_options})

# --- The kernel, and the same with counters, checker and test calls ---

set(QUIRE_PORT x86_64)
quire_sources(kernel_script arch/${QUIRE_PORT}/kernel.ld)
quire_sources(kernel_sources
    microkernel/*.c arch/x86/*.c arch/x86/*.S arch/${QUIRE_PORT}/*.c arch/${QUIRE_PORT}/*.S libc-min/freestanding/*.c libimage/*.c)
list(FILTER kernel_sources EXCLUDE REGEX "/freestanding/(memory|format)\\.c$") # the port has its own, and the log has

function(quire_kernel name)
    add_executable(${name} ${kernel_sources})
    target_link_libraries(${name} PRIVATE quire_freestanding)
    target_include_directories(${name} PRIVATE
        microkernel arch/${QUIRE_PORT} arch/x86 libc-min/include libimage ${CMAKE_SOURCE_DIR})
    target_compile_options(${name} PRIVATE
        $<$<COMPILE_LANGUAGE:C>:-flto> $<$<COMPILE_LANGUAGE:C>:-Wframe-larger-than=1024>
        -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fomit-frame-pointer -falign-functions=1 -falign-loops=1
        -mstack-alignment=8 -mskip-rax-setup # no vector register is ever on the stack or an argument
        -mtune=znver3) # an address of three parts is one instruction
    target_compile_definitions(${name} PRIVATE QUIRE_KERNEL=1 ${ARGN})
    target_link_options(${name} PRIVATE -T${kernel_script}
        "SHELL:-mllvm -align-loops=1 -mllvm -disable-lsr"
        "SHELL:-mllvm -enable-ipra") # callers know which registers a function changes: docs/adr/0026-size.md
    set_target_properties(${name} PROPERTIES LINK_DEPENDS ${kernel_script})
endfunction()

# The loops over whole tables are compiled for speed; what runs on every call or fault, and what such ways need now and then, for size first; the rest for size
# alone. Functions that hot ones share are kept from being copied into each of them (gnu::noinline in the scheduler, budgets, messages, endpoints).
set(kernel_hot_names "space_loops")
set(kernel_warm_names "fast|frame|space_page|space_tables|space_unmap") # cmake/host_bench.cmake measures frames and bitmap
if(CMAKE_BUILD_TYPE MATCHES "^Rel")
    foreach(source ${kernel_sources})
        if(source MATCHES "/(${kernel_warm_names})\\.c$")
            set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -Os)
        elseif(source MATCHES "\\.c$" AND NOT source MATCHES "/(${kernel_hot_names})\\.c$")
            set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -Oz)
        endif()
    endforeach()
endif()

# What runs at boot only: kernel.ld finds these files by name and gives their memory back, so they stay apart.
set(kernel_boot_sources ${kernel_sources})
set(kernel_boot_names
    "multiboot2|pvh|boot_source|pit|boot|paging|window|window_find|cpu|start|frame_start|bitmap_start|elf|bundle|arguments")
list(FILTER kernel_boot_sources INCLUDE REGEX "/(${kernel_boot_names})\\.c$")
set_source_files_properties(${kernel_boot_sources} PROPERTIES COMPILE_OPTIONS "-Os;-fno-lto")

if(kernel_script AND kernel_sources)
    quire_kernel(kernel)
    quire_kernel(kernel-test QUIRE_TEST=1)
else()
    message(STATUS "kernel: no arch/${QUIRE_PORT}/kernel.ld yet")
endif()

# --- Libraries, one set with vector registers, one without ---

quire_sources(library_sources libipc/src/*.c libipc/src/*.S libc-min/freestanding/*.c libimage/*.c)
quire_sources(hosted_sources libc-min/hosted/*.c libc-min/hosted/*.S)

function(quire_user_library name)
    quire_library(${name} ${ARGN})
    get_target_property(type ${name} TYPE)
    set(scope PUBLIC)
    if(type STREQUAL INTERFACE_LIBRARY)
        set(scope INTERFACE)
    endif()
    target_link_libraries(${name} ${scope} quire_freestanding)
    target_include_directories(${name} ${scope} libc-min/include libipc/include libimage microkernel pager ${CMAKE_SOURCE_DIR})
    target_compile_options(${name} ${scope} -fno-omit-frame-pointer)
endfunction()

quire_user_library(program_library ${library_sources} ${hosted_sources})
quire_user_library(pager_library ${library_sources})
get_target_property(type pager_library TYPE)
if(NOT type STREQUAL INTERFACE_LIBRARY)
    target_compile_options(pager_library PUBLIC -mgeneral-regs-only)
endif()

include(cmake/sdk.cmake)

# --- Pager, programs, test programs ---

quire_sources(program_script libipc/program.ld)
if(NOT program_script)
    message(STATUS "pager, programs: no libipc/program.ld yet")
    return()
endif()

# quire_elf(TARGET OUTPUT LIBRARY SOURCES...): one statically linked user program.
function(quire_elf target output library)
    add_executable(${target} ${ARGN})
    target_link_libraries(${target} PRIVATE ${library})
    target_link_options(${target} PRIVATE -T${program_script})
    get_filename_component(folder ${CMAKE_BINARY_DIR}/${output} DIRECTORY)
    get_filename_component(file ${output} NAME)
    set_target_properties(${target} PROPERTIES LINK_DEPENDS ${program_script} RUNTIME_OUTPUT_DIRECTORY ${folder} OUTPUT_NAME ${file})
endfunction()

quire_sources(pager_sources pager/*.c pager/*.S)
if(pager_sources)
    quire_elf(pager pager pager_library ${pager_sources})
    target_compile_options(pager PRIVATE $<$<COMPILE_LANGUAGE:C>:-flto>) # a fault goes through six files
    target_link_options(pager PRIVATE --defsym=image_first=0x800000)     # apart from programs (libipc/program.ld)
endif()

function(quire_add_program name)
    quire_elf(program-${name} programs/${name} program_library ${ARGN})
endfunction()
quire_each_program(programs quire_add_program)

# Sources whose name begins with pager_ stand in for the pager: the kernel loads them as the first module.
# They share tests/kit.
quire_sources(kit_sources tests/kit/*.c)
function(quire_add_for_tests prefix folder name)
    if(name MATCHES "^pager_")
        quire_elf(${prefix}-${name} ${folder}/${name} pager_library ${ARGN} ${kit_sources})
        target_include_directories(${prefix}-${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/kit)
    else()
        quire_elf(${prefix}-${name} ${folder}/${name} program_library ${ARGN})
    endif()
endfunction()

function(quire_add_test_program name)
    quire_add_for_tests(test tests ${name} ${ARGN})
endfunction()
quire_each_program(tests/machine/programs quire_add_test_program)

function(quire_add_bench_program name)
    if(NOT name MATCHES "^host") # cmake/host_bench.cmake
        quire_add_for_tests(bench bench ${name} ${ARGN})
    endif()
    if(name STREQUAL "program_bench") # apart from the program that it starts, for tools/verb_profile.py
        target_link_options(bench-${name} PRIVATE --defsym=image_first=0x1000000)
    endif()
endfunction()
quire_each_program(tests/bench quire_add_bench_program)
