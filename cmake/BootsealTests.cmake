# The tests that run real programs: pytest, one ctest test for each folder, told where the programs lie.
function(bs_pytest label build timeout)
    add_test(NAME ${label}
        COMMAND "${BS_PYTHON}" -m pytest -q -rs --durations=10 "${PROJECT_SOURCE_DIR}/tests/${label}"
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(${label} PROPERTIES LABELS ${label} TIMEOUT ${timeout}
        ENVIRONMENT "BOOTSEAL_BUILD=${build};BOOTSEAL_STATIC=${PROJECT_SOURCE_DIR}/build/static;PYTHONDONTWRITEBYTECODE=1")
endfunction()

# Minutes on a machine with nothing else to do; the time is for one that hangs, not for one that is slow.
bs_pytest(integration "${PROJECT_BINARY_DIR}" 1800)
# A machine that boots takes the programs that are shipped.
bs_pytest(system "${PROJECT_SOURCE_DIR}/build/release" 1800)
