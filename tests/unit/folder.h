/* A temporary folder for a test: cmocka setup and teardown; the test's state is its path. */
#pragma once

int folder_setup(void **state);
int folder_teardown(void **state);
#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, folder_setup, folder_teardown)

/* Path of a name in the folder; one of a few static buffers, valid for a few calls. */
const char *folder_path(void **state, const char *name);

/* Makes a file there with this text. */
void folder_put(void **state, const char *name, const char *text);
