# What is installed where, apart from the programs: by component, so that an image takes only what it needs.
# A file that a component does not have yet is left out.

function(bs_install component destination)
    foreach(file IN LISTS ARGN)
        if(EXISTS "${PROJECT_SOURCE_DIR}/${file}")
            install(FILES "${file}" DESTINATION "${destination}" COMPONENT ${component})
        endif()
    endforeach()
endfunction()

function(bs_install_programs component destination)
    foreach(file IN LISTS ARGN)
        if(EXISTS "${PROJECT_SOURCE_DIR}/${file}")
            install(PROGRAMS "${file}" DESTINATION "${destination}" COMPONENT ${component})
        endif()
    endforeach()
endfunction()

bs_install(dev "${CMAKE_INSTALL_INCLUDEDIR}/bootseal"
    include/bootseal/protocol.h include/bootseal/exit.h include/bootseal/report.h include/bootseal/cap.h)
