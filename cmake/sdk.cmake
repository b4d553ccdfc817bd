# What ./quire sdk DIR installs: everything that a program outside this tree is built with.
#
#   DIR/include   the C library, <quire/...>, <abi/...>, <pager/protocol.h>
#   DIR/lib       libquire.a (libipc and libc-min for programs) and program.ld
#   DIR/cmake     the package Quire and its toolchain file
#   DIR/README.md, DIR/LICENSE
# All of it is the component sdk, and finds itself by its own place: DIR may be moved. Options of programs are those of machine.cmake.

install(FILES $<TARGET_FILE:program_library> RENAME libquire.a DESTINATION lib COMPONENT sdk)
install(FILES libipc/program.ld DESTINATION lib COMPONENT sdk)
install(DIRECTORY libc-min/include/ libipc/include/ DESTINATION include COMPONENT sdk)
install(DIRECTORY microkernel/abi DESTINATION include COMPONENT sdk FILES_MATCHING PATTERN *.h PATTERN *.def)
install(FILES pager/protocol.h pager/protocol.def DESTINATION include/pager COMPONENT sdk)
configure_file(cmake/sdk_config.cmake.in QuireConfig.cmake @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/QuireConfig.cmake cmake/x86_64-quire.cmake DESTINATION cmake COMPONENT sdk)
install(FILES cmake/sdk_readme.md RENAME README.md DESTINATION . COMPONENT sdk)
install(FILES LICENSE DESTINATION . COMPONENT sdk)
