# What ./quire bench measures on this machine under callgrind: the kernel's frames over arch/host, and the alternatives to them.
#
# Compiled as a release: -O2, asserts off, no sanitizers. No debugging information: Debian's valgrind does not read what this compiler writes.

find_file(CALLGRIND_HEADER valgrind/callgrind.h)
if(NOT CALLGRIND_HEADER)
    message(STATUS "frame_bench: no valgrind/callgrind.h (package valgrind)")
    return()
endif()

quire_sources(frame_bench_sources tests/bench/host/*.c tests/bench/host/alternatives/*.c microkernel/frame*.c microkernel/bitmap*.c)
# For size where the kernel's release is (cmake/machine.cmake).
set(frame_bench_size_names frame_block frame_tables bitmap bitmap_block)
set(frame_bench_warm_names frame)
foreach(name ${frame_bench_size_names})
    set_source_files_properties(${CMAKE_SOURCE_DIR}/microkernel/${name}.c PROPERTIES COMPILE_OPTIONS -Oz)
endforeach()
foreach(name ${frame_bench_warm_names})
    set_source_files_properties(${CMAKE_SOURCE_DIR}/microkernel/${name}.c PROPERTIES COMPILE_OPTIONS -Os)
endforeach()
add_executable(frame_bench ${frame_bench_sources} arch/host/host.c arch/host/tlb.c)
target_link_libraries(frame_bench PRIVATE quire_warnings)
target_include_directories(frame_bench PRIVATE microkernel arch/host ${CMAKE_SOURCE_DIR})
target_compile_options(frame_bench PRIVATE -g0 -idirafter${CMAKE_SOURCE_DIR}/libc-min/include)
target_compile_definitions(frame_bench PRIVATE QUIRE_ON_HOST=1 _DEFAULT_SOURCE)
target_link_options(frame_bench PRIVATE -fuse-ld=lld)

# Regions and segments: the pager's sources, of which only what is asked for is linked.
quire_sources(region_bench_sources tests/bench/host_region/*.c pager/region.c pager/directory.c pager/area.c pager/slot.c
    pager/segment*.c pager/quota.c pager/journal.c)
add_executable(region_bench ${region_bench_sources})
target_link_libraries(region_bench PRIVATE quire_warnings)
target_include_directories(region_bench PRIVATE pager microkernel libimage ${CMAKE_SOURCE_DIR})
target_compile_options(region_bench PRIVATE -g0 -ffunction-sections -idirafter${CMAKE_SOURCE_DIR}/libc-min/include)
target_compile_definitions(region_bench PRIVATE QUIRE_ON_HOST=1 _DEFAULT_SOURCE)
target_link_options(region_bench PRIVATE -fuse-ld=lld -Wl,--gc-sections)
