/* A disk that fails as it is told to, and that remembers what a loss of power would take: the parts of the library that is
 * preloaded into a process under test (LD_PRELOAD). Linux only. It knows nothing of waldb: only files below one
 * directory, and the calls that change them. */

#ifndef DISK_H
#define DISK_H

#include <sys/types.h>

enum operation { OPEN, READ, WRITE, FDATASYNC, FSYNC, RENAME, UNLINK, MKDIR, OPERATIONS };

/* What is to become of one call. */
enum fate {
  DONE,       /* as it always is */
  REFUSED,    /* nothing is done, and `error` is returned */
  SHORT,      /* a write takes half of the bytes and says so */
  TORN,       /* a write takes half of the bytes and returns `error` */
  KILLED,     /* half of a write, or nothing; then the process is killed */
  KILLED_AFTER /* all of it; the process is killed before it hears of that */
};

struct verdict {
  enum fate fate;
  int error;
};

/* faults.c. Counts the call, waits if it is to be slow, and decides. Tells of what it decides in the file WALDB_DISK_TOLD. */
void faults_init(const char *rules, const char *told);
struct verdict faults_decide(enum operation operation, const char *path);

/* journal.c. A begin_ function writes down what is about to change and gives it a number, 0 where nothing is written down. */
void journal_init(const char *path);
long long journal_begin_write(int fd, ino_t inode, off_t position, size_t length, int is_durable);
long long journal_begin_sync(ino_t inode);
long long journal_begin_directory_sync(const char *path);
long long journal_begin_create(const char *path);
long long journal_begin_rename(const char *from, const char *to);
long long journal_begin_unlink(const char *path);
/* The change has been made; or it failed, and what it was for is lost with the next loss of power. */
void journal_end(long long id);
void journal_fail(long long id);

/* calls.c. The system's own calls, past this library. */
ssize_t real_write(int fd, const void *bytes, size_t length);
ssize_t real_pread(int fd, void *bytes, size_t length, off_t position);
int real_open(const char *path, int flags, mode_t mode);
int real_close(int fd);
int real_unlink(const char *path);

#endif
