#include "core/secret.h"

#include "core/log.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct bs_secret {
    uint8_t *data;
    size_t size;
    size_t mapped; /* size in whole pages */
};

/* Pages of freed secrets: wiped, and still locked and kept out of dumps. */
static struct {
    pthread_mutex_t lock;
    unsigned most;
    unsigned count;
    uint8_t *pages[BS_SECRET_SPARES_MAX];
} spares = { .lock = PTHREAD_MUTEX_INITIALIZER };

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static uint8_t *take_spare(void)
{
    uint8_t *page = NULL;

    pthread_mutex_lock(&spares.lock);
    if (spares.count > 0)
        page = spares.pages[--spares.count];
    pthread_mutex_unlock(&spares.lock);
    return page;
}

static bool keep_spare(uint8_t *page)
{
    pthread_mutex_lock(&spares.lock);
    bool is_kept = spares.count < spares.most;
    if (is_kept)
        spares.pages[spares.count++] = page;
    pthread_mutex_unlock(&spares.lock);
    return is_kept;
}

static void protect_pages(uint8_t *data, size_t mapped)
{
    static atomic_bool has_complained;

    if (mlock(data, mapped) != 0 && !atomic_exchange(&has_complained, true))
        bs_debug("secret", "cannot lock memory (%m); secrets may reach a swap device, if there is one");

    /* Both are refinements that an old kernel may not know; failing here would keep a device from booting. */
    (void)madvise(data, mapped, MADV_DONTDUMP);
    (void)madvise(data, mapped, MADV_WIPEONFORK);
}

static uint8_t *map_pages(size_t mapped)
{
    uint8_t *spare = mapped == page_size() ? take_spare() : NULL;
    if (spare)
        return spare;

    void *data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return NULL;
    protect_pages(data, mapped);
    return data;
}

static void unmap_pages(uint8_t *data, size_t mapped)
{
    (void)munlock(data, mapped);
    (void)munmap(data, mapped);
}

void bs_secret_keep_pages(unsigned most)
{
    assert(most <= BS_SECRET_SPARES_MAX);

    pthread_mutex_lock(&spares.lock);
    spares.most = most;
    while (spares.count > most)
        unmap_pages(spares.pages[--spares.count], page_size());
    pthread_mutex_unlock(&spares.lock);
}

enum bs_err bs_secret_new(size_t size, struct bs_secret **ret_secret)
{
    /* Not an assertion: the size may come from a message. */
    if (size == 0 || size > BS_SECRET_MAX)
        return BS_ERR_NOMEM;

    size_t page = page_size();
    size_t mapped = (size + page - 1) / page * page;

    BS_OWN(memory) memory = malloc(sizeof(struct bs_secret));
    if (!memory)
        return BS_ERR_NOMEM;

    uint8_t *data = map_pages(mapped);
    if (!data)
        return BS_ERR_NOMEM;

    struct bs_secret *secret = BS_TAKE(memory);
    *secret = (struct bs_secret){ .data = data, .size = size, .mapped = mapped };
    *ret_secret = secret;
    return BS_OK;
}

enum bs_err bs_secret_copy(const void *data, size_t size, struct bs_secret **ret_secret)
{
    enum bs_err err = bs_secret_new(size, ret_secret);
    if (err == BS_OK)
        memcpy((*ret_secret)->data, data, size);
    return err;
}

uint8_t *bs_secret_data(struct bs_secret *secret)
{
    return secret->data;
}

const uint8_t *bs_secret_view(const struct bs_secret *secret)
{
    return secret->data;
}

size_t bs_secret_size(const struct bs_secret *secret)
{
    return secret->size;
}

void bs_secret_truncate(struct bs_secret *secret, size_t size)
{
    assert(size >= 1 && size <= secret->size);

    bs_wipe(secret->data + size, secret->size - size);
    secret->size = size;
}

void bs_secret_free(struct bs_secret *secret)
{
    if (!secret)
        return;

    /* The whole mapping: a writer that went beyond the size must not leave anything behind either. */
    bs_wipe(secret->data, secret->mapped);
    if (secret->mapped != page_size() || !keep_spare(secret->data))
        unmap_pages(secret->data, secret->mapped);
    free(secret);
}

void bs_wipe(void *data, size_t size)
{
    if (size > 0)
        explicit_bzero(data, size);
}

_Bool bs_equal_ct(const void *a, const void *b, size_t size)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < size; i++)
        difference |= x[i] ^ y[i];
    return difference == 0;
}
