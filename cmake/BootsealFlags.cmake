# One target that everything of ours links: language, warnings, hardening. Libraries are not ours.
include(CheckPIESupported)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
check_pie_supported(LANGUAGES C)

# Sanitizers come in through CMAKE_C_FLAGS; they and FORTIFY get in each other's way.
set(bs_sanitizing FALSE)
if(CMAKE_C_FLAGS MATCHES "-fsanitize")
    set(bs_sanitizing TRUE)
endif()

add_library(bs_flags INTERFACE)
target_include_directories(bs_flags INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/include")
target_compile_definitions(bs_flags INTERFACE _GNU_SOURCE BS_VERSION="${PROJECT_VERSION}")
# format-y2k: X.509 does write years with two digits.
target_compile_options(bs_flags INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wswitch-enum -Wformat=2 -Wno-format-y2k
    $<$<BOOL:${BOOTSEAL_WERROR}>:-Werror>
    # What may be uninitialized depends on how far this target's optimizer happens to see: a hint, no verdict.
    $<$<AND:$<BOOL:${BOOTSEAL_WERROR}>,$<C_COMPILER_ID:GNU>>:-Wno-error=maybe-uninitialized>)
target_compile_options(bs_flags INTERFACE -fstack-protector-strong -fstack-clash-protection)
if(NOT bs_sanitizing)
    # Only where the compiler optimizes does FORTIFY do anything but warn.
    target_compile_options(bs_flags INTERFACE
        $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
endif()
# gc-sections: a static libudev holds functions that nothing calls and that no libc of a small system has.
target_link_options(bs_flags INTERFACE LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack LINKER:--gc-sections)

# Static libraries may hold both machine code and LTO's intermediate code; say which one is to be linked.
if(NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
    target_link_options(bs_flags INTERFACE $<$<C_COMPILER_ID:GNU>:-fno-lto>)
endif()
