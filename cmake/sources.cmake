# Finding sources by folder.

# quire_sources(VARIABLE PATTERN...): the files that match, relative to the top; looked up again at each build.
function(quire_sources variable)
    list(TRANSFORM ARGN PREPEND ${CMAKE_SOURCE_DIR}/)
    file(GLOB files CONFIGURE_DEPENDS ${ARGN})
    set(${variable} ${files} PARENT_SCOPE)
endfunction()

# quire_library(NAME SOURCES... ): a static library, or, while its folder is empty, a library of nothing.
function(quire_library name)
    if(ARGN)
        add_library(${name} STATIC ${ARGN})
    else()
        message(STATUS "${name}: no sources yet")
        add_library(${name} INTERFACE)
    endif()
endfunction()

# quire_each_program(FOLDER FUNCTION): calls FUNCTION(NAME SOURCES...) for each FOLDER/NAME.c and each folder FOLDER/NAME with C files in it.
function(quire_each_program folder function)
    file(GLOB entries CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*)
    foreach(entry ${entries})
        get_filename_component(name ${entry} NAME_WE)
        if(IS_DIRECTORY ${entry})
            file(GLOB files CONFIGURE_DEPENDS ${entry}/*.c ${entry}/*.S)
        elseif(entry MATCHES "\\.c$")
            set(files ${entry})
        else()
            set(files)
        endif()
        if(files)
            cmake_language(CALL ${function} ${name} ${files})
        endif()
    endforeach()
endfunction()
