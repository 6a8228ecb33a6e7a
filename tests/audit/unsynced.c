/* A power cut in a library: what a process wrote and did not sync is not in the shadow.
 *
 * Preloaded, it keeps a copy of each file named audit.db* in the folder $SHADOW. A write is noted
 * and goes to the file alone; fsync and fdatasync bring what was noted into the copy, before they
 * return. So at every moment the copies are what a disk would have after a power cut that drops
 * whatever was not synced. `audit.db-shm` is shared memory and is not copied.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_FDS 1024
#define MAX_FILES 16

struct range { off_t at; size_t length; };
struct file { char name[256]; int shadow; struct range *dirty; size_t count, room; };

static struct file files[MAX_FILES];
static int file_of[MAX_FDS]; /* descriptor -> index of its file + 1 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...) \
    static type (*real_##name)(__VA_ARGS__); \
    if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name)

static void shadow_path(char *into, const char *name) {
    snprintf(into, PATH_MAX, "%s/%s", getenv("SHADOW"), name);
}

static const char *tracked(const char *path) {
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    if (!getenv("SHADOW") || strncmp(name, "audit.db", 8) || strstr(name, "-shm")) return NULL;
    return strstr(name, "-writers") ? NULL : name;
}

static void opened(int fd, const char *path) {
    const char *name = tracked(path);
    if (fd < 0 || fd >= MAX_FDS) return;
    pthread_mutex_lock(&lock);
    file_of[fd] = 0;
    for (int i = 0; name && i < MAX_FILES; i++) {
        if (!files[i].name[0]) {
            char at[PATH_MAX];
            REAL(int, open, const char *, int, ...);
            shadow_path(at, name);
            strncpy(files[i].name, name, sizeof files[i].name - 1);
            files[i].shadow = real_open(at, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        }
        if (!strcmp(files[i].name, name)) { file_of[fd] = i + 1; break; }
    }
    pthread_mutex_unlock(&lock);
}

static void wrote(int fd, off_t at, ssize_t length) {
    if (fd < 0 || fd >= MAX_FDS || !file_of[fd] || length <= 0) return;
    pthread_mutex_lock(&lock);
    struct file *file = &files[file_of[fd] - 1];
    if (file->count == file->room) {
        file->room = file->room ? 2 * file->room : 256;
        file->dirty = realloc(file->dirty, file->room * sizeof *file->dirty);
    }
    file->dirty[file->count++] = (struct range){at, (size_t)length};
    pthread_mutex_unlock(&lock);
}

static void synced(int fd) {
    if (fd < 0 || fd >= MAX_FDS || !file_of[fd]) return;
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    pthread_mutex_lock(&lock);
    struct file *file = &files[file_of[fd] - 1];
    struct stat now;
    for (size_t i = 0; i < file->count; i++) {
        char *bytes = malloc(file->dirty[i].length);
        ssize_t got = pread(fd, bytes, file->dirty[i].length, file->dirty[i].at);
        if (got > 0 && real_pwrite(file->shadow, bytes, got, file->dirty[i].at) < 0) abort();
        free(bytes);
    }
    file->count = 0;
    if (!fstat(fd, &now) && ftruncate(file->shadow, now.st_size)) abort();
    pthread_mutex_unlock(&lock);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; va_start(more, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        REAL(int, name, const char *, int, ...); \
        int fd = real_##name(path, flags, mode); \
        opened(fd, path); \
        return fd; \
    }
OPEN(open)
OPEN(open64)

#define PWRITE(name) \
    ssize_t name(int fd, const void *bytes, size_t length, off_t at) { \
        REAL(ssize_t, name, int, const void *, size_t, off_t); \
        ssize_t done = real_##name(fd, bytes, length, at); \
        wrote(fd, at, done); \
        return done; \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    off_t at = fd >= 0 && fd < MAX_FDS && file_of[fd] ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = real_write(fd, bytes, length);
    wrote(fd, at, done);
    return done;
}

int fsync(int fd) {
    REAL(int, fsync, int);
    int result = real_fsync(fd);
    if (!result) synced(fd);
    return result;
}

int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    int result = real_fdatasync(fd);
    if (!result) synced(fd);
    return result;
}

int close(int fd) {
    REAL(int, close, int);
    if (fd >= 0 && fd < MAX_FDS) file_of[fd] = 0;
    return real_close(fd);
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    int result = real_rename(from, to);
    if (!result && tracked(from) && tracked(to)) {
        char before[PATH_MAX], after[PATH_MAX];
        shadow_path(before, tracked(from));
        shadow_path(after, tracked(to));
        real_rename(before, after);
        pthread_mutex_lock(&lock);
        for (int i = 0; i < MAX_FILES; i++)
            if (!strcmp(files[i].name, tracked(from)))
                strncpy(files[i].name, tracked(to), sizeof files[i].name - 1);
        pthread_mutex_unlock(&lock);
    }
    return result;
}
