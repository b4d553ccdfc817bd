# What runs on this machine, under sanitizers: the portable kernel over arch/host and the pager over the simulated kernel.
#
# QUIRE_HOST=unit   one Criterion executable for each tests/unit/*.c, each a CTest case
# QUIRE_HOST=fuzz   one libFuzzer executable for each tests/fuzz/fuzz_*.c
# The host's C library is used here, so of libc-min only the parts that it does not have are taken.

set(sanitizers address,undefined)
add_library(quire_host INTERFACE)
target_link_libraries(quire_host INTERFACE quire_warnings)
if(QUIRE_HOST STREQUAL "fuzz")
    target_compile_options(quire_host INTERFACE -fsanitize=${sanitizers},fuzzer-no-link)
else()
    target_compile_options(quire_host INTERFACE -fsanitize=${sanitizers})
endif()
target_compile_options(quire_host INTERFACE -fno-sanitize-recover=all -fno-omit-frame-pointer
    -idirafter${CMAKE_SOURCE_DIR}/libc-min/include -idirafter${CMAKE_SOURCE_DIR}/libipc/include)
target_compile_definitions(quire_host INTERFACE QUIRE_ON_HOST=1 QUIRE_TEST=1 _DEFAULT_SOURCE)
target_link_options(quire_host INTERFACE -fsanitize=${sanitizers} -fuse-ld=lld)

set(kernel_folders microkernel arch/host libimage arch/x86)
set(pager_folders pager tests/sim libimage arch/host)

quire_sources(kernel_sources microkernel/*.c arch/host/*.c)
# Of the processor's port, the readers of boot information: they are plain C over bytes.
quire_sources(shared_sources libc-min/freestanding/*.c libimage/*.c arch/x86/boot_source.c arch/x86/multiboot2.c arch/x86/pvh.c)
list(FILTER shared_sources EXCLUDE REGEX "/freestanding/(memory|strings?)\\.c$")
quire_sources(pager_sources pager/*.c tests/sim/*.c)
list(FILTER pager_sources EXCLUDE REGEX "/pager/(main|kernel_machine)\\.c$")

function(quire_host_library name folders)
    quire_library(${name} ${ARGN})
    get_target_property(type ${name} TYPE)
    if(type STREQUAL STATIC_LIBRARY)
        target_link_libraries(${name} PRIVATE quire_host)
        target_include_directories(${name} PRIVATE ${${folders}} microkernel ${CMAKE_SOURCE_DIR})
    endif()
endfunction()

quire_host_library(host_kernel kernel_folders ${kernel_sources})
quire_host_library(host_shared kernel_folders ${shared_sources})
quire_host_library(host_pager pager_folders ${pager_sources})
quire_sources(alternative_sources tests/bench/host/alternatives/*.c)
quire_host_library(host_alternatives kernel_folders ${alternative_sources})

# A test whose name begins with pager_ or sim_ (after test_ or fuzz_) is of the pager; every other one is of the kernel and the libraries.
function(quire_host_executable target source)
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE quire_host host_kernel host_shared host_alternatives)
    if(target MATCHES "^((test|fuzz)_)?(pager|sim)_")
        target_link_libraries(${target} PRIVATE host_pager)
        target_include_directories(${target} PRIVATE ${pager_folders} ${kernel_folders} ${CMAKE_SOURCE_DIR})
    else()
        target_include_directories(${target} PRIVATE ${kernel_folders} ${pager_folders} ${CMAKE_SOURCE_DIR})
    endif()
endfunction()

if(QUIRE_HOST STREQUAL "fuzz")
    quire_sources(fuzz_sources tests/fuzz/fuzz_*.c)
    foreach(source ${fuzz_sources})
        get_filename_component(name ${source} NAME_WE)
        quire_host_executable(${name} ${source})
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        # libFuzzer's entry point is declared nowhere.
        set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS -Wno-missing-prototypes)
    endforeach()
    return()
endif()

enable_testing()

# quire_format(NAME FILE USER_LIMIT): the kernel over another table format, and what tests its tables, each as a test NAME_FORMAT.
# arch/host/pte.h says whose entries are used where nothing is said here.
function(quire_format name file user_limit)
    quire_host_library(host_kernel_${name} kernel_folders ${kernel_sources})
    set(definitions QUIRE_PTE="${CMAKE_SOURCE_DIR}/${file}" QUIRE_USER_LIMIT=${user_limit})
    target_compile_definitions(host_kernel_${name} PRIVATE ${definitions})
    quire_sources(format_sources tests/unit/test_space*.c tests/unit/test_check*.c tests/unit/test_window*.c)
    foreach(source ${format_sources})
        get_filename_component(test ${source} NAME_WE)
        set(target ${test}_${name})
        add_executable(${target} ${source})
        target_link_libraries(${target} PRIVATE quire_host host_kernel_${name} host_shared ${CRITERION})
        target_include_directories(${target} PRIVATE ${kernel_folders} ${CMAKE_SOURCE_DIR})
        target_compile_definitions(${target} PRIVATE ${definitions})
        add_test(NAME ${target} COMMAND ${target} --jobs 2)
    endforeach()
endfunction()
find_library(CRITERION criterion REQUIRED)
quire_sources(unit_sources tests/unit/*.c)
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    list(FILTER unit_sources EXCLUDE REGEX "_x86_64\\.c$")
endif()
foreach(source ${unit_sources})
    get_filename_component(name ${source} NAME_WE)
    quire_host_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE ${CRITERION})
    add_test(NAME ${name} COMMAND ${name} --jobs 2)
endforeach()
# The bitmap once more, with a call at each load; its objects go before those of host_kernel.
add_library(bitmap_reads OBJECT microkernel/bitmap.c microkernel/bitmap_block.c)
target_link_libraries(bitmap_reads PRIVATE quire_host)
target_include_directories(bitmap_reads PRIVATE microkernel ${CMAKE_SOURCE_DIR})
target_compile_options(bitmap_reads PRIVATE -fsanitize-coverage=trace-pc-guard,trace-loads)
target_sources(test_bitmap_reads PRIVATE $<TARGET_OBJECTS:bitmap_reads>)
# And the pager's lists of free regions.
add_library(area_reads OBJECT pager/area.c)
target_link_libraries(area_reads PRIVATE quire_host)
target_include_directories(area_reads PRIVATE ${pager_folders} microkernel ${CMAKE_SOURCE_DIR})
target_compile_options(area_reads PRIVATE -fsanitize-coverage=trace-pc-guard,trace-loads)
target_sources(test_pager_area_reads PRIVATE $<TARGET_OBJECTS:area_reads>)
# The pager once more, with a call at each block, load and store.
list(FILTER pager_sources EXCLUDE REGEX "/tests/sim/")
add_library(pager_growth OBJECT ${pager_sources})
target_link_libraries(pager_growth PRIVATE quire_host)
target_include_directories(pager_growth PRIVATE ${pager_folders} microkernel ${CMAKE_SOURCE_DIR})
target_compile_options(pager_growth PRIVATE -fsanitize-coverage=trace-pc-guard,trace-loads,trace-stores)
target_sources(test_pager_growth PRIVATE $<TARGET_OBJECTS:pager_growth>)
# The kernel's own memcpy and its like, under other names; its assembler needs no sanitizer.
if(TARGET test_memory_x86_64)
    add_library(kernel_memory OBJECT arch/x86_64/memory.S)
    target_compile_definitions(kernel_memory PRIVATE memcpy=kernel_memcpy memmove=kernel_memmove memset=kernel_memset)
    target_sources(test_memory_x86_64 PRIVATE $<TARGET_OBJECTS:kernel_memory>)
endif()
# ./quire sim
quire_host_executable(pager_sim tests/sim/run/pager_sim.c)

quire_format(i386 arch/i386/pte.h 0xbffff000)
quire_format(i386_pae arch/i386_pae/pte.h 0xbffff000)
# Descriptors of regions on a machine with words of 32 bits.
quire_host_executable(test_pager_region_words32 tests/unit/test_pager_region.c)
target_sources(test_pager_region_words32 PRIVATE pager/region.c)
target_compile_definitions(test_pager_region_words32 PRIVATE QUIRE_REGION_WORD=uint32_t)
target_link_libraries(test_pager_region_words32 PRIVATE ${CRITERION})
add_test(NAME test_pager_region_words32 COMMAND test_pager_region_words32 --jobs 2)
target_sources(test_pager_tree PRIVATE tests/bench/host_region/tree.c)
