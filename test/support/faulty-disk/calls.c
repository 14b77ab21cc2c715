/* The calls themselves: each is counted and may be made to fail (faults.c), is written down if it changes anything
 * (journal.c), and is then made. Environment:
 *
 *   WALDB_DISK_ROOT      only what lies below this directory is looked at; an absolute path
 *   WALDB_DISK_FAULTS    rules, see faults.c; none: nothing fails
 *   WALDB_DISK_TOLD      where faults that took place are told
 *   WALDB_DISK_JOURNAL   where changes are written down, on the same file system; none: they are not
 *   WALDB_DISK_LIES      set: nothing is durable whatever was synced, as with a cache that lies. Nobody can keep a promise
 *                        on such a disk: it is there to see that a broken promise is noticed */

#define _GNU_SOURCE
#include "disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 65536

struct open_file {
  char path[512];
  ino_t inode;
  int is_directory;
  int is_durable;
};

static char root[400];
static struct open_file *files[FILES_MAX];
static int is_lying;

__attribute__((constructor)) static void init(void) {
  const char *wanted = getenv("WALDB_DISK_ROOT");
  if (wanted == NULL) return;
  is_lying = getenv("WALDB_DISK_LIES") != NULL;
  faults_init(getenv("WALDB_DISK_FAULTS"), getenv("WALDB_DISK_TOLD"));
  journal_init(getenv("WALDB_DISK_JOURNAL"));
  snprintf(root, sizeof root, "%s", wanted);
}

/* ---- past this library ---- */

ssize_t real_write(int fd, const void *bytes, size_t length) { return syscall(SYS_write, fd, bytes, length); }

ssize_t real_pread(int fd, void *bytes, size_t length, off_t position) {
  return syscall(SYS_pread64, fd, bytes, length, position);
}

int real_open(const char *path, int flags, mode_t mode) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int real_close(int fd) { return (int)syscall(SYS_close, fd); }

int real_unlink(const char *path) { return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0); }

/* ---- what every call does ---- */

static int is_ours(const char *path) {
  size_t length = strlen(root);
  return length > 0 && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static struct open_file *file_of(int fd) { return fd >= 0 && fd < FILES_MAX ? files[fd] : NULL; }

static void end_process(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Whether the call is not to be made. */
static int is_refused(struct verdict verdict) {
  if (verdict.fate == KILLED) end_process();
  if (verdict.fate != REFUSED && verdict.fate != TORN) return 0;
  errno = verdict.error;
  return 1;
}

/* A change has been made, or has failed by itself. */
static void close_change(long long id, struct verdict verdict, int has_failed) {
  int error = errno;
  if (verdict.fate == KILLED_AFTER) end_process();
  if (has_failed)
    journal_fail(id);
  else
    journal_end(id);
  errno = error;
}

/* ---- files ---- */

static void remember(int fd, const char *path, int flags) {
  struct stat facts;
  struct open_file *file;
  if (fd >= FILES_MAX || fstat(fd, &facts) != 0) return;
  file = calloc(1, sizeof *file);
  snprintf(file->path, sizeof file->path, "%s", path);
  file->inode = facts.st_ino;
  file->is_directory = S_ISDIR(facts.st_mode);
  file->is_durable = (flags & O_DSYNC) != 0 && !is_lying;
  files[fd] = file;
}

/* What is emptied may come back. */
static long long begin_emptying(const char *path) {
  struct stat facts;
  long long id;
  int fd = real_open(path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0 || fstat(fd, &facts) != 0) return 0;
  id = journal_begin_write(fd, facts.st_ino, 0, (size_t)facts.st_size, 0);
  real_close(fd);
  return id;
}

int open64(const char *path, int flags, ...) {
  mode_t mode = 0;
  long long id = 0;
  int fd;
  if (flags & O_CREAT) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  if (!is_ours(path)) return real_open(path, flags, mode);
  struct verdict verdict = faults_decide(OPEN, path);
  if (is_refused(verdict)) return -1;
  if ((flags & O_CREAT) && access(path, F_OK) != 0)
    id = journal_begin_create(path);
  else if (flags & O_TRUNC)
    id = begin_emptying(path);
  fd = real_open(path, flags, mode);
  close_change(id, verdict, fd < 0);
  if (fd >= 0) remember(fd, path, flags);
  return fd;
}

int close(int fd) {
  struct open_file *file = file_of(fd);
  if (file != NULL) {
    files[fd] = NULL;
    free(file);
  }
  return real_close(fd);
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t position) {
  const struct open_file *file = file_of(fd);
  if (file != NULL && is_refused(faults_decide(READ, file->path))) return -1;
  return real_pread(fd, bytes, length, position);
}

static ssize_t real_pwrite(int fd, const void *bytes, size_t length, off64_t position) {
  return syscall(SYS_pwrite64, fd, bytes, length, position);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t position) {
  const struct open_file *file = file_of(fd);
  ssize_t count;
  if (file == NULL) return real_pwrite(fd, bytes, length, position);
  struct verdict verdict = faults_decide(WRITE, file->path);
  if (verdict.fate == REFUSED) {
    errno = verdict.error;
    return -1;
  }
  int is_half = verdict.fate == SHORT || verdict.fate == TORN || verdict.fate == KILLED;
  size_t part = is_half && length > 1 ? length / 2 : length;
  long long id = journal_begin_write(fd, file->inode, position, part, file->is_durable);
  count = real_pwrite(fd, bytes, part, position);
  if (verdict.fate == KILLED) end_process();
  close_change(id, verdict, count < 0 || verdict.fate == TORN);
  if (verdict.fate != TORN) return count;
  errno = verdict.error;
  return -1;
}

/* A failed sync gives up what it was for: the kernel takes those pages for clean from then on. */
static int sync_with(int fd, enum operation operation, long number) {
  const struct open_file *file = file_of(fd);
  int result;
  if (file == NULL) return (int)syscall(number, fd);
  struct verdict verdict = faults_decide(operation, file->path);
  long long id = is_lying               ? 0
                 : file->is_directory ? journal_begin_directory_sync(file->path)
                                      : journal_begin_sync(file->inode);
  if (is_refused(verdict)) {
    close_change(id, verdict, 1);
    return -1;
  }
  result = (int)syscall(number, fd);
  close_change(id, verdict, result != 0);
  return result;
}

int fdatasync(int fd) { return sync_with(fd, FDATASYNC, SYS_fdatasync); }

int fsync(int fd) { return sync_with(fd, FSYNC, SYS_fsync); }

/* ---- names ---- */

int rename(const char *from, const char *to) {
  if (!is_ours(to)) return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  struct verdict verdict = faults_decide(RENAME, to);
  if (is_refused(verdict)) return -1;
  long long id = journal_begin_rename(from, to);
  int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  close_change(id, verdict, result != 0);
  return result;
}

int unlink(const char *path) {
  if (!is_ours(path)) return real_unlink(path);
  struct verdict verdict = faults_decide(UNLINK, path);
  if (is_refused(verdict)) return -1;
  long long id = journal_begin_unlink(path);
  int result = real_unlink(path);
  close_change(id, verdict, result != 0);
  return result;
}

int mkdir(const char *path, mode_t mode) {
  if (!is_ours(path)) return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  struct verdict verdict = faults_decide(MKDIR, path);
  if (is_refused(verdict)) return -1;
  long long id = access(path, F_OK) == 0 ? 0 : journal_begin_create(path);
  int result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  close_change(id, verdict, result != 0);
  return result;
}

/* Calls that this library does not know would make it lie. */
static void refuse_to_go_on(const char *call) {
  fprintf(stderr, "the faulty disk does not know %s\n", call);
  abort();
}

int ftruncate64(int fd, off64_t length) {
  if (file_of(fd) != NULL) refuse_to_go_on("ftruncate");
  return (int)syscall(SYS_ftruncate, fd, length);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t position) {
  if (file_of(fd) != NULL) refuse_to_go_on("pwritev");
  return syscall(SYS_pwritev, fd, parts, count, position, 0);
}
