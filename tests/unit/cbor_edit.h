/* Finds and changes items inside well-formed CBOR, to make from good messages the bad ones that decoders must refuse. */
#pragma once

#include "core/buf.h"

/* A way into a document: keys of maps and indices of arrays, ended by EDIT_END. */
#define EDIT_END (-1)
#define EDIT_PATH(...) ((const int[]){ __VA_ARGS__, EDIT_END })
#define EDIT_TOP ((const int[]){ EDIT_END })

/* Where an item lies. */
struct edit_item {
    size_t key;   /* where its key begins, or the item itself in an array */
    size_t start; /* its head */
    size_t end;
    size_t parent; /* head of the map or array that holds it */
};

/* Aborts when there is no such item. */
struct edit_item edit_find(struct bs_span document, const int *path);

/* The document with one item replaced, removed (its key too), or written twice in a row. */
void edit_replace(struct bs_span document, const int *path, struct bs_span by, struct bs_buf *out);
void edit_remove(struct bs_span document, const int *path, struct bs_buf *out);
void edit_repeat(struct bs_span document, const int *path, struct bs_buf *out);

/* The document with a pair added at the end of a map. */
void edit_add(struct bs_span document, const int *path_of_map, uint64_t key, struct bs_span value, struct bs_buf *out);

/* Calls `see` with the offset of every head, strings' contents left out. */
void edit_each_head(struct bs_span document, void (*see)(struct bs_span document, size_t head, void *context),
                    void *context);

/* Major type, argument and size of a head. */
struct edit_head {
    unsigned major;
    uint64_t argument;
    size_t size;
};
struct edit_head edit_head_at(struct bs_span document, size_t offset);

/* A head whose argument takes 1, 2, 4 or 8 bytes, whether it needs them or not. */
void edit_put_head(struct bs_buf *out, unsigned major, uint64_t argument, unsigned size);

/* Bytes seed, seed + 1, ...: the contents of the golden vectors. One of a few static buffers, valid for some calls. */
struct bs_span fill(uint8_t seed, size_t size);

/* A file below tests/vectors; the buffer is the caller's. */
void vector_read(const char *name, struct bs_buf *out);
