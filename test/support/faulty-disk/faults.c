/* Which call fails, and how. The rules come in the environment, separated by `;`:
 *
 *   <operation>:<first>:<count>:<what>[:<milliseconds>]
 *
 * `fdatasync:12:1:EIO` fails the twelfth fdatasync of the process; `write:30:5:ENOSPC` five writes from the thirtieth on.
 * Operations are counted from 1, each kind by itself, over all threads. Every call that was not done as always is told as
 * one line, `<operation> <what> <number> <path>`. */

#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RULES_MAX 32

struct rule {
  enum operation operation;
  long first;
  long count;
  char what[16];
  long milliseconds;
};

static const char *const NAMES[OPERATIONS] = {"open",  "read",   "write",  "fdatasync",
                                              "fsync", "rename", "unlink", "mkdir"};
static struct rule rules[RULES_MAX];
static int rule_count = 0;
static atomic_long counts[OPERATIONS];
static int told_fd = -1;

static void add_rule(const char *text) {
  struct rule rule = {0};
  char name[16];
  if (sscanf(text, "%15[a-z]:%ld:%ld:%15[A-Za-z]:%ld", name, &rule.first, &rule.count, rule.what,
             &rule.milliseconds) < 4)
    return;
  for (int operation = 0; operation < OPERATIONS; operation++) {
    if (strcmp(name, NAMES[operation]) != 0 || rule_count == RULES_MAX) continue;
    rule.operation = operation;
    rules[rule_count++] = rule;
  }
}

void faults_init(const char *text, const char *told) {
  char copy[4096];
  char *rest = NULL;
  if (text == NULL) return;
  snprintf(copy, sizeof copy, "%s", text);
  for (char *one = strtok_r(copy, ";", &rest); one != NULL; one = strtok_r(NULL, ";", &rest)) add_rule(one);
  if (told != NULL) told_fd = real_open(told, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static void tell(const struct rule *rule, long number, const char *path) {
  char line[700];
  int length = snprintf(line, sizeof line, "%s %s %ld %s\n", NAMES[rule->operation], rule->what, number, path);
  if (told_fd >= 0 && length > 0) (void)!real_write(told_fd, line, (size_t)length);
}

static void wait_for(long milliseconds) {
  struct timespec time = {milliseconds / 1000, (milliseconds % 1000) * 1000000};
  while (nanosleep(&time, &time) != 0 && errno == EINTR) {
  }
}

static struct verdict verdict_of(const char *what) {
  if (strcmp(what, "short") == 0) return (struct verdict){SHORT, 0};
  if (strcmp(what, "torn") == 0) return (struct verdict){TORN, EIO};
  if (strcmp(what, "kill") == 0) return (struct verdict){KILLED, 0};
  if (strcmp(what, "killAfter") == 0) return (struct verdict){KILLED_AFTER, 0};
  if (strcmp(what, "ENOSPC") == 0) return (struct verdict){REFUSED, ENOSPC};
  if (strcmp(what, "EINTR") == 0) return (struct verdict){REFUSED, EINTR};
  if (strcmp(what, "slow") == 0) return (struct verdict){DONE, 0};
  return (struct verdict){REFUSED, EIO};
}

struct verdict faults_decide(enum operation operation, const char *path) {
  long number = atomic_fetch_add(&counts[operation], 1) + 1;
  for (int i = 0; i < rule_count; i++) {
    const struct rule *rule = &rules[i];
    if (rule->operation != operation || number < rule->first || number >= rule->first + rule->count) continue;
    tell(rule, number, path);
    if (rule->milliseconds > 0) wait_for(rule->milliseconds);
    return verdict_of(rule->what);
  }
  return (struct verdict){DONE, 0};
}
