# The layers of docs/design.md as link lists. A folder's CMakeLists.txt says, source by source:
#
#   bs_layer(bs_base SOURCES err.c log.c)
#       A static library. DEPS names the layers below it, PKG the foreign libraries (names as pkg-config knows
#       them, table in BootsealPackages.cmake). A layer can only use what it names: what is not in its link
#       list does not link, and tests/lint says no to an include that goes up.
#   bs_program(bootseal COMPONENT agent SOURCES main.c DEPS agent_flow)
#       A program, in the top of the build folder, installed in the sbin folder by its component. With STATIC it
#       follows BOOTSEAL_STATIC_PIE.
#   bs_unit_test(test_buf SOURCES test_buf.c DEPS bs_base)
#       A cmocka program, run by ctest with the label unit. Several sources: fakes in place of a port. With THREADS it has
#       threads: it is in the label and the target `threads` as well, which the preset tsan builds and runs.
#
# Layers, from the bottom: L1 bs_base, L2 bs_model (core/); L3 agent_tpm agent_net agent_device agent_vault
# agent_handover (agent/*/), L4 agent_steps agent_flow, L5 bootseal; likewise server_*, bootseald, bootsealctl.

macro(bs_link name scope)
    target_link_libraries(${name} ${scope} bs_flags ${arg_DEPS})
    foreach(package IN LISTS arg_PKG)
        bs_package(${package})
        target_link_libraries(${name} ${scope} bs_pkg_${package})
    endforeach()
endmacro()

function(bs_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;PKG")
    add_library(${name} STATIC ${arg_SOURCES})
    bs_link(${name} PUBLIC)
endfunction()

function(bs_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "STATIC" "COMPONENT" "SOURCES;DEPS;PKG")
    add_executable(${name} ${arg_SOURCES})
    bs_link(${name} PRIVATE)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}")
    if(arg_STATIC AND BOOTSEAL_STATIC_PIE)
        bs_make_static(${name})
    endif()
    install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_SBINDIR}" COMPONENT ${arg_COMPONENT})
endfunction()

# The release form of the agent: one file that needs nothing, NAME stripped and NAME.debug beside it.
function(bs_make_static name)
    target_link_options(${name} PRIVATE -static-pie
        LINKER:-z,pack-relative-relocs LINKER:--build-id=sha1 LINKER:-O1)
    if(CMAKE_INTERPROCEDURAL_OPTIMIZATION)
        # One partition: 4 KB smaller, a few seconds slower.
        target_link_options(${name} PRIVATE -flto=auto -flto-partition=one)
    endif()
    add_custom_command(TARGET ${name} POST_BUILD
        COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_FILE:${name}> $<TARGET_FILE:${name}>.debug
        COMMAND ${CMAKE_STRIP} --strip-all --remove-section=.comment $<TARGET_FILE:${name}>
        VERBATIM)
endfunction()

function(bs_unit_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "THREADS" "" "SOURCES;DEPS;PKG")
    list(APPEND arg_PKG cmocka)
    add_executable(${name} ${arg_SOURCES})
    bs_link(${name} PRIVATE)
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_compile_definitions(${name} PRIVATE BS_TEST_VECTORS="${PROJECT_SOURCE_DIR}/tests/vectors")
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 60 SKIP_RETURN_CODE 77)
    if(arg_THREADS)
        if(NOT TARGET threads)
            add_custom_target(threads)
        endif()
        add_dependencies(threads ${name})
        set_property(TEST ${name} APPEND PROPERTY LABELS threads)
    endif()
endfunction()
