/* Logs every change that a process and its children make to the files of one folder.
 *
 * Built and preloaded by recording.py: cc -shared -fPIC recorder.c -o recorder.so -ldl.
 * REC_FOLDER is the folder (no trailing slash), REC_LOG the log, which lies elsewhere.
 * One record per operation, appended by one writev: op (1 byte), file (u64, the inode),
 * offset (u64), length (u32), then that many bytes, all little-endian. An operation is logged
 * after it was made: a sync in the log has happened.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536
#define REAL(name) ((__typeof__(&name))real(#name, &real_##name))
#define SLOT(name) static void *real_##name

SLOT(open); SLOT(open64); SLOT(openat); SLOT(openat64); SLOT(close); SLOT(write); SLOT(pwrite);
SLOT(pwrite64); SLOT(fsync); SLOT(fdatasync); SLOT(ftruncate); SLOT(ftruncate64); SLOT(unlink);
SLOT(unlinkat); SLOT(rename);

static unsigned char ours[FDS];
static int log_fd = -2;
static const char *folder;
static size_t folder_length;

static void *real(const char *name, void **slot) {
    if (!*slot) *slot = dlsym(RTLD_NEXT, name);
    return *slot;
}

static int ready(void) {
    if (log_fd == -2) {
        const char *path = getenv("REC_LOG");
        folder = getenv("REC_FOLDER");
        folder_length = folder ? strlen(folder) : 0;
        log_fd = path && folder
            ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
            : -1;
    }
    return log_fd >= 0;
}

static void put(char op, uint64_t file, uint64_t offset, const void *data, uint32_t length) {
    char head[21];
    head[0] = op;
    memcpy(head + 1, &file, 8);
    memcpy(head + 9, &offset, 8);
    memcpy(head + 17, &length, 4);
    struct iovec parts[2] = {{head, sizeof head}, {(void *)data, length}};
    ssize_t wanted = (ssize_t)(sizeof head + length);
    if (syscall(SYS_writev, log_fd, parts, 2) != wanted) abort();
}

/* Below the folder: the name in it; the folder itself: ""; anything else: NULL. */
static const char *inside(const char *path) {
    if (!path || !ready() || strncmp(path, folder, folder_length)) return NULL;
    if (path[folder_length] == '/') return path + folder_length + 1;
    return path[folder_length] ? NULL : path + folder_length;
}

static uint64_t inode(int fd) {
    struct stat found;
    return fstat(fd, &found) ? 0 : found.st_ino;
}

static int opened(int fd, const char *path, int flags) {
    const char *name = fd >= 0 && fd < FDS ? inside(path) : NULL;
    if (fd >= 0 && fd < FDS) ours[fd] = name != NULL;
    if (name) {
        int saved = errno;
        put('o', inode(fd), (uint64_t)(flags & O_TRUNC ? 1 : 0), name, (uint32_t)strlen(name));
        errno = saved;
    }
    return fd;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); \
        mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) { MODE(flags) return opened(REAL(open)(path, flags, mode), path, flags); }
int open64(const char *path, int flags, ...) { MODE(flags) return opened(REAL(open64)(path, flags, mode), path, flags); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return opened(REAL(openat)(at, path, flags, mode), path, flags); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return opened(REAL(openat64)(at, path, flags, mode), path, flags); }

static int watched(int fd) { return fd >= 0 && fd < FDS && ours[fd] && ready(); }

int close(int fd) {
    if (fd >= 0 && fd < FDS) ours[fd] = 0;
    return REAL(close)(fd);
}

static ssize_t wrote(int fd, const void *data, ssize_t count, off_t offset) {
    if (count > 0 && watched(fd)) {
        int saved = errno;
        put('w', inode(fd), (uint64_t)offset, data, (uint32_t)count);
        errno = saved;
    }
    return count;
}

ssize_t write(int fd, const void *data, size_t count) {
    off_t at = 0;
    if (watched(fd)) {
        at = lseek(fd, 0, SEEK_CUR);
        if (fcntl(fd, F_GETFL) & O_APPEND) { struct stat s; if (!fstat(fd, &s)) at = s.st_size; }
    }
    return wrote(fd, data, REAL(write)(fd, data, count), at);
}

ssize_t pwrite(int fd, const void *data, size_t count, off_t offset) {
    return wrote(fd, data, REAL(pwrite)(fd, data, count, offset), offset);
}

ssize_t pwrite64(int fd, const void *data, size_t count, off64_t offset) {
    return wrote(fd, data, REAL(pwrite64)(fd, data, count, offset), offset);
}

static int done(int result, int fd, char op, uint64_t offset) {
    if (!result && watched(fd)) put(op, inode(fd), offset, "", 0);
    return result;
}

int fsync(int fd) { return done(REAL(fsync)(fd), fd, 's', 0); }
int fdatasync(int fd) { return done(REAL(fdatasync)(fd), fd, 's', 0); }
int ftruncate(int fd, off_t size) { return done(REAL(ftruncate)(fd, size), fd, 't', (uint64_t)size); }
int ftruncate64(int fd, off64_t size) { return done(REAL(ftruncate64)(fd, size), fd, 't', (uint64_t)size); }

static int gone(int result, const char *path) {
    const char *name = result ? NULL : inside(path);
    if (name) put('u', 0, 0, name, (uint32_t)strlen(name));
    return result;
}

int unlink(const char *path) { return gone(REAL(unlink)(path), path); }
int unlinkat(int at, const char *path, int flags) { return gone(REAL(unlinkat)(at, path, flags), path); }

/* "old", a zero byte, "new". */
int rename(const char *from, const char *to) {
    int result = REAL(rename)(from, to);
    const char *old = result ? NULL : inside(from), *new = result ? NULL : inside(to);
    if (old && new) {
        char both[2048];
        size_t first = strlen(old), second = strlen(new);
        if (first + second + 1 > sizeof both) abort();
        memcpy(both, old, first + 1);
        memcpy(both + first + 1, new, second);
        put('r', 0, 0, both, (uint32_t)(first + 1 + second));
    }
    return result;
}
