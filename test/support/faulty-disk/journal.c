/* What a loss of power would take: every change is written down before it is made, with what it replaces, and again once
 * it has ended. One JSON object in a line, as packages/wal/test/support/process/power-image.ts reads them. Paths hold
 * no characters that JSON would escape: they are the tests' own.
 *
 * Once nothing is at risk the journal begins anew, so that a long life has a short journal; but not where it began with
 * what an earlier life left behind, since what that one put at risk is known only to the journal. */

#define _GNU_SOURCE
#include "disk.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define OPEN_MAX_CHANGES 8192
#define PRUNE_BYTES (256 * 1024)
#define BURIED_MAX 4096

enum kind { FILE_CHANGE, NAME_CHANGE, FILE_SYNC, NAME_SYNC };

/* A change that is under way or at risk, or a sync that is under way. */
struct change {
  long long id;
  enum kind kind;
  ino_t inode;
  char directory[512];
  int is_durable;
  int has_failed;
  long began_at;
  long ended_at; /* 0: not yet */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal_fd = -1;
static char graveyard[400];
static long long last_id;
static long moment; /* counts beginnings and ends */
static long long written;
static int is_prunable;
static struct change changes[OPEN_MAX_CHANGES];
static int change_count;
static long long buried[BURIED_MAX];
static int buried_count;

static void put(const char *text, size_t length) {
  size_t done = 0;
  while (done < length) {
    ssize_t count = real_write(journal_fd, text + done, length - done);
    if (count <= 0) abort(); /* a run without its journal proves nothing */
    done += (size_t)count;
  }
  written += (long long)length;
}

void journal_init(const char *path) {
  struct timespec now;
  struct stat stat_now;
  char line[100];
  if (path == NULL) return;
  journal_fd = real_open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (journal_fd < 0 || fstat(journal_fd, &stat_now) != 0) abort();
  is_prunable = stat_now.st_size == 0;
  snprintf(graveyard, sizeof graveyard, "%s", path);
  *strrchr(graveyard, '/') = 0;
  clock_gettime(CLOCK_REALTIME, &now);
  /* Microseconds: no life makes a million changes a second, so ids never meet those of another life. */
  last_id = (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
  /* On a line of its own, whatever the process before was killed in the middle of. */
  put(line, (size_t)snprintf(line, sizeof line, "\n{\"op\":\"life\",\"id\":%lld}\n", last_id));
}

static void directory_of(const char *path, char *target, size_t size) {
  char *slash;
  snprintf(target, size, "%s", path);
  slash = strrchr(target, '/');
  if (slash != NULL) *slash = 0;
}

/* The lock is held. */
static struct change *begin(enum kind kind, ino_t inode, const char *directory) {
  struct change *change;
  moment++;
  last_id++;
  if (change_count == OPEN_MAX_CHANGES) abort();
  change = &changes[change_count++];
  memset(change, 0, sizeof *change);
  change->id = last_id;
  change->kind = kind;
  change->began_at = moment;
  change->inode = inode;
  if (directory != NULL) snprintf(change->directory, sizeof change->directory, "%s", directory);
  return change;
}

static char *encode(const unsigned char *bytes, size_t length) {
  static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *text = malloc((length + 2) / 3 * 4 + 1);
  char *at = text;
  for (size_t i = 0; i < length; i += 3) {
    unsigned value = (unsigned)bytes[i] << 16;
    if (i + 1 < length) value |= (unsigned)bytes[i + 1] << 8;
    if (i + 2 < length) value |= bytes[i + 2];
    *at++ = DIGITS[value >> 18 & 63];
    *at++ = DIGITS[value >> 12 & 63];
    *at++ = i + 1 < length ? DIGITS[value >> 6 & 63] : '=';
    *at++ = i + 2 < length ? DIGITS[value & 63] : '=';
  }
  *at = 0;
  return text;
}

long long journal_begin_write(int fd, ino_t inode, off_t position, size_t length, int is_durable) {
  struct stat before;
  unsigned char *bytes;
  char *text;
  char *line;
  ssize_t count;
  long long id;
  if (journal_fd < 0) return 0;
  pthread_mutex_lock(&lock);
  fstat(fd, &before);
  bytes = malloc(length + 1);
  count = real_pread(fd, bytes, length, position);
  text = encode(bytes, count < 0 ? 0 : (size_t)count);
  struct change *change = begin(FILE_CHANGE, inode, NULL);
  change->is_durable = is_durable;
  id = change->id;
  int size = asprintf(&line,
                      "{\"op\":\"write\",\"id\":%lld,\"inode\":%llu,\"position\":%lld,\"length\":%zu,"
                      "\"before\":\"%s\",\"sizeBefore\":%lld,\"isDurable\":%s}\n",
                      id, (unsigned long long)inode, (long long)position, length, text,
                      (long long)before.st_size, is_durable ? "true" : "false");
  if (size < 0) abort();
  put(line, (size_t)size);
  free(line);
  free(text);
  free(bytes);
  pthread_mutex_unlock(&lock);
  return id;
}

long long journal_begin_sync(ino_t inode) {
  char line[120];
  long long id;
  if (journal_fd < 0) return 0;
  pthread_mutex_lock(&lock);
  id = begin(FILE_SYNC, inode, NULL)->id;
  put(line, (size_t)snprintf(line, sizeof line, "{\"op\":\"sync\",\"id\":%lld,\"inode\":%llu}\n", id,
                             (unsigned long long)inode));
  pthread_mutex_unlock(&lock);
  return id;
}

/* `facts` is the rest of the line, with one place for the id. */
static long long begin_name(enum kind kind, const char *directory, const char *facts) {
  char line[2000];
  long long id;
  pthread_mutex_lock(&lock);
  id = begin(kind, 0, directory)->id;
  put(line, (size_t)snprintf(line, sizeof line, "{\"id\":%lld,%s}\n", id, facts));
  pthread_mutex_unlock(&lock);
  return id;
}

long long journal_begin_directory_sync(const char *path) {
  char facts[700];
  if (journal_fd < 0) return 0;
  snprintf(facts, sizeof facts, "\"op\":\"syncDirectory\",\"path\":\"%s\"", path);
  return begin_name(NAME_SYNC, path, facts);
}

long long journal_begin_create(const char *path) {
  char directory[512];
  char facts[700];
  if (journal_fd < 0) return 0;
  directory_of(path, directory, sizeof directory);
  snprintf(facts, sizeof facts, "\"op\":\"create\",\"path\":\"%s\"", path);
  return begin_name(NAME_CHANGE, directory, facts);
}

/* A second name keeps a file that is about to lose its own, and its inode from being given to another. */
static int bury(const char *path, char *kept_as, size_t size) {
  long long number;
  pthread_mutex_lock(&lock);
  number = ++last_id;
  snprintf(kept_as, size, "%s/removed-%lld", graveyard, number);
  int is_buried = link(path, kept_as) == 0;
  if (is_buried) {
    if (buried_count == BURIED_MAX) abort();
    buried[buried_count++] = number;
  }
  pthread_mutex_unlock(&lock);
  return is_buried;
}

long long journal_begin_rename(const char *from, const char *to) {
  char directory[512];
  char kept_as[500];
  char facts[1900];
  if (journal_fd < 0) return 0;
  directory_of(to, directory, sizeof directory);
  if (bury(to, kept_as, sizeof kept_as))
    snprintf(facts, sizeof facts, "\"op\":\"rename\",\"from\":\"%s\",\"to\":\"%s\",\"replaced\":\"%s\"", from,
             to, kept_as);
  else
    snprintf(facts, sizeof facts, "\"op\":\"rename\",\"from\":\"%s\",\"to\":\"%s\"", from, to);
  return begin_name(NAME_CHANGE, directory, facts);
}

long long journal_begin_unlink(const char *path) {
  char directory[512];
  char kept_as[500];
  char facts[1200];
  if (journal_fd < 0) return 0;
  if (!bury(path, kept_as, sizeof kept_as)) return 0;
  directory_of(path, directory, sizeof directory);
  snprintf(facts, sizeof facts, "\"op\":\"unlink\",\"path\":\"%s\",\"keptAs\":\"%s\"", path, kept_as);
  return begin_name(NAME_CHANGE, directory, facts);
}

static int is_settled_by(const struct change *change, const struct change *sync) {
  if (change->has_failed || change->ended_at == 0 || change->ended_at >= sync->began_at) return 0;
  if (sync->kind == FILE_SYNC) return change->kind == FILE_CHANGE && change->inode == sync->inode;
  return change->kind == NAME_CHANGE && strcmp(change->directory, sync->directory) == 0;
}

/* The lock is held. Forgets `ended`, and what it has made durable. */
static void settle(struct change ended) {
  int is_sync = ended.kind == FILE_SYNC || ended.kind == NAME_SYNC;
  int left = 0;
  for (int i = 0; i < change_count; i++) {
    int is_itself = changes[i].id == ended.id && (is_sync || ended.is_durable);
    int is_covered = is_sync && is_settled_by(&changes[i], &ended);
    if (!is_itself && !is_covered) changes[left++] = changes[i];
  }
  change_count = left;
}

/* The lock is held. */
static void begin_anew(void) {
  char path[500];
  if (ftruncate(journal_fd, 0) != 0) abort();
  written = 0;
  for (int i = 0; i < buried_count; i++) {
    snprintf(path, sizeof path, "%s/removed-%lld", graveyard, buried[i]);
    real_unlink(path);
  }
  buried_count = 0;
}

static void finish(long long id, int has_failed) {
  char line[100];
  if (journal_fd < 0 || id == 0) return;
  pthread_mutex_lock(&lock);
  moment++;
  put(line, (size_t)snprintf(line, sizeof line, "{\"op\":\"%s\",\"id\":%lld}\n", has_failed ? "failed" : "end",
                             id));
  for (int i = 0; i < change_count; i++) {
    if (changes[i].id != id) continue;
    changes[i].ended_at = moment;
    changes[i].has_failed = has_failed; /* it then stays for good: the journal is not begun anew in this life */
    if (!has_failed) settle(changes[i]);
    break;
  }
  if (change_count == 0 && is_prunable && written > PRUNE_BYTES) begin_anew();
  pthread_mutex_unlock(&lock);
}

void journal_end(long long id) { finish(id, 0); }

void journal_fail(long long id) { finish(id, 1); }
