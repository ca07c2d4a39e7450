/* `bootsealctl init DIR`: a server's folder from nothing. */
#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "server/server.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT_MAX (16 * 1024)

static enum bs_err make_empty_folder(const char *dir)
{
    enum bs_err err = bs_dir_make(dir, 0700);
    if (err != BS_OK) {
        bs_error("init", "%s cannot be made (%s)", dir, bs_err_name(err));
        return err;
    }
    DIR *folder = opendir(dir);
    if (!folder)
        return BS_ERR_IO;
    size_t count = 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(folder);
    if (count == 0)
        return BS_OK;
    bs_error("init", "%s is not empty; nothing is ever replaced: name a new folder", dir);
    return BS_ERR_INPUT;
}

static enum bs_err write_file(const char *dir, const char *name, struct bs_span text, mode_t mode)
{
    BS_OWN(string) path = NULL;
    struct bs_file_attr attr = { .mode = mode, .uid = (uid_t)-1, .gid = (gid_t)-1 };
    enum bs_err err = server_path(dir, name, &path);
    return err == BS_OK ? bs_file_write(path, text, &attr) : err;
}

static enum bs_err make_folder(const char *dir, const char *name, mode_t mode)
{
    BS_OWN(string) path = NULL;
    enum bs_err err = server_path(dir, name, &path);
    return err == BS_OK ? bs_dir_make(path, mode) : err;
}

static enum bs_err write_cert(const char *dir, const struct ca *ca, enum ca_which which, const char *name)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(TEXT_MAX);
    enum bs_err err = cert_pem_encode(ca_cert(ca, which), "CERTIFICATE", &pem);
    return err == BS_OK ? write_file(dir, name, bs_buf_span(&pem), 0644) : err;
}

static enum bs_err write_image(const char *dir, const struct config *config, const struct ca *ca)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(TEXT_MAX);
    enum bs_err err = make_folder(dir, CONFIG_IMAGE, 0755);
    if (err == BS_OK)
        err = config_print_image(config, &text);
    if (err == BS_OK)
        err = write_file(dir, CONFIG_IMAGE "/bootseal.conf", bs_buf_span(&text), 0644);
    return err == BS_OK ? write_cert(dir, ca, CA_SERVER_ROOT, CONFIG_IMAGE "/server-ca.pem") : err;
}

static enum bs_err make_database(const char *dir)
{
    BS_OWN(string) path = NULL;
    BS_OWN(store) store = NULL;
    enum bs_err err = server_path(dir, CONFIG_DATABASE, &path);
    return err == BS_OK ? store_open(path, &store) : err;
}

static enum bs_err fill_config(const struct server_init *request, struct config *ret_config)
{
    config_defaults(ret_config);
    const char *listen = request->listen ? request->listen : "[::]:8443";
    if (request->name_count == 0 || request->name_count > CONFIG_NAMES_MAX || !config_is_address(listen) ||
        !strrchr(listen, ':')) {
        bs_error("init", "a server needs one to %d names, and ADDRESS:PORT to listen on", CONFIG_NAMES_MAX);
        return BS_ERR_INPUT;
    }
    strcpy(ret_config->listen, listen);
    for (size_t i = 0; i < request->name_count; i++) {
        const char *name = request->names[i];
        if (!config_is_address(name)) {
            bs_error("init", "\"%s\" is no host name or address", name);
            return BS_ERR_INPUT;
        }
        strcpy(ret_config->names[ret_config->name_count++], name);
    }
    return BS_OK;
}

/* The configuration comes last: without it bootseald does not start, so a folder that was left half-made is seen. */
static enum bs_err fill_folder(const char *dir, const struct config *config)
{
    BS_OWN(ca) ca = NULL;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(TEXT_MAX);
    enum bs_err err = ca_init(dir, config, bs_clock_now());
    if (err == BS_OK)
        err = ca_open(dir, &ca);
    if (err == BS_OK)
        err = write_cert(dir, ca, CA_DEVICE_ROOT, "device-ca.pem");
    if (err == BS_OK)
        err = write_image(dir, config, ca);
    if (err == BS_OK)
        err = make_folder(dir, CONFIG_EK_ROOTS, 0755);
    if (err == BS_OK)
        err = make_database(dir);
    if (err == BS_OK)
        err = config_print(config, &text);
    return err == BS_OK ? write_file(dir, CONFIG_FILE, bs_buf_span(&text), 0644) : err;
}

enum bs_err server_init(const struct server_init *request)
{
    struct config config;
    enum bs_err err = fill_config(request, &config);
    if (err == BS_OK)
        err = make_empty_folder(request->dir);
    if (err != BS_OK)
        return err;
    err = fill_folder(request->dir, &config);
    if (err != BS_OK)
        bs_error("init", "%s could not be filled (%s); remove it and try again", request->dir, bs_err_name(err));
    return err;
}
