// A VFS over the one SQLite has: it lets everything through, and writes down what
// a disk would have to keep. Files outside a recorded folder are not touched.
// The memory that connections share (-shm) is not durable, so it is not recorded.
#include "shim.h"
#include "sqlite.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cd_disk {
  cd_disk *next;
  char *root;
  size_t root_length;
  int detached;
  char *log;
  size_t used, room;
  int64_t calls[CD_KINDS];
  int64_t first[CD_KINDS], last[CD_KINDS];
  int code[CD_KINDS];
  int64_t failed;
};

typedef struct {
  sqlite3_file base;
  sqlite3_file *real;
  cd_disk *disk;
  char *name;    // below the disk's root
  int new_log;   // its first sync also syncs the folder, as the VFS below does it
} cd_file;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards the list and every disk in it
static cd_disk *disks;
static sqlite3_vfs *below;
static sqlite3_vfs shim;

// append is called with the lock held.
static void append(cd_disk *d, int kind, int failed, int64_t at, const char *name, const char *other, const void *data, size_t length) {
  if (d->detached) return;
  cd_event e = {kind, failed, at, (int64_t)length, (int32_t)strlen(name), (int32_t)strlen(other)};
  size_t need = sizeof e + e.name + length + e.other;
  if (d->used + need > d->room) {
    d->room = 2 * d->room + need;
    d->log = realloc(d->log, d->room);
    if (d->log == NULL) abort();
  }
  char *p = d->log + d->used;
  memcpy(p, &e, sizeof e);
  memcpy(p + sizeof e, name, e.name);
  if (length > 0) memcpy(p + sizeof e + e.name, data, length);
  memcpy(p + sizeof e + e.name + length, other, e.other);
  d->used += need;
}

// fault counts a call and says how it fails; with the lock held.
static int fault(cd_disk *d, int kind) {
  if (d->detached) return 0;
  int64_t n = ++d->calls[kind];
  if (d->first[kind] == 0 || n < d->first[kind] || n > d->last[kind]) return 0;
  d->failed++;
  return d->code[kind];
}

static cd_disk *disk_of(const char *path, const char **name) {
  if (path == NULL) return NULL;
  for (cd_disk *d = disks; d != NULL; d = d->next) {
    if (!d->detached && strncmp(path, d->root, d->root_length) == 0 && path[d->root_length] == '/') {
      *name = path + d->root_length + 1;
      return d;
    }
  }
  return NULL;
}

#define REAL(f) (((cd_file*)(f))->real)
#define CALL(f, method, ...) REAL(f)->pMethods->method(REAL(f), ##__VA_ARGS__)

static int file_close(sqlite3_file *f) {
  cd_file *c = (cd_file*)f;
  int rc = CALL(f, xClose);
  free(c->name);
  c->name = NULL;
  return rc;
}

static int file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  cd_file *c = (cd_file*)f;
  pthread_mutex_lock(&lock);
  int code = fault(c->disk, CD_READ);
  pthread_mutex_unlock(&lock);
  if (code != 0) return code;
  return CALL(f, xRead, to, n, at);
}

// A write that fails has written its first half, in whole sectors: so do real disks.
static int file_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  cd_file *c = (cd_file*)f;
  pthread_mutex_lock(&lock);
  int code = fault(c->disk, CD_WRITE);
  int amount = code != 0 ? n / 2 / 512 * 512 : n;
  int rc = amount > 0 ? CALL(f, xWrite, from, amount, at) : SQLITE_OK;
  if (rc == SQLITE_OK) append(c->disk, CD_WRITE, code, at, c->name, "", from, amount);
  pthread_mutex_unlock(&lock);
  return code != 0 ? code : rc;
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size) {
  cd_file *c = (cd_file*)f;
  pthread_mutex_lock(&lock);
  int code = fault(c->disk, CD_TRUNCATE);
  int rc = code != 0 ? code : CALL(f, xTruncate, size);
  if (rc == SQLITE_OK) append(c->disk, CD_TRUNCATE, 0, size, c->name, "", NULL, 0);
  pthread_mutex_unlock(&lock);
  return rc;
}

static int file_sync(sqlite3_file *f, int flags) {
  cd_file *c = (cd_file*)f;
  pthread_mutex_lock(&lock);
  int code = fault(c->disk, CD_SYNC);
  int rc = code != 0 ? code : CALL(f, xSync, flags);
  append(c->disk, CD_SYNC, rc, 0, c->name, "", NULL, 0);
  if (rc == SQLITE_OK && c->new_log) append(c->disk, CD_SYNCDIR, 0, 0, c->name, "", NULL, 0);
  if (rc == SQLITE_OK) c->new_log = 0;
  pthread_mutex_unlock(&lock);
  return rc;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size) { return CALL(f, xFileSize, size); }
static int file_lock(sqlite3_file *f, int l) { return CALL(f, xLock, l); }
static int file_unlock(sqlite3_file *f, int l) { return CALL(f, xUnlock, l); }
static int file_reserved(sqlite3_file *f, int *out) { return CALL(f, xCheckReservedLock, out); }
static int file_control(sqlite3_file *f, int op, void *arg) { return CALL(f, xFileControl, op, arg); }
static int file_sector(sqlite3_file *f) { return CALL(f, xSectorSize); }
static int file_device(sqlite3_file *f) { return CALL(f, xDeviceCharacteristics); }
static int shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) { return CALL(f, xShmMap, page, size, extend, out); }
static int shm_lock(sqlite3_file *f, int at, int n, int flags) { return CALL(f, xShmLock, at, n, flags); }
static void shm_barrier(sqlite3_file *f) { CALL(f, xShmBarrier); }
static int shm_unmap(sqlite3_file *f, int remove) { return CALL(f, xShmUnmap, remove); }

// Version 2: the shared memory of the log, and no memory-mapped pages.
static const sqlite3_io_methods methods = {
  2, file_close, file_read, file_write, file_truncate, file_sync, file_size, file_lock, file_unlock, file_reserved,
  file_control, file_sector, file_device, shm_map, shm_lock, shm_barrier, shm_unmap,
};

static int vfs_open(sqlite3_vfs *v, const char *path, sqlite3_file *f, int flags, int *out) {
  const char *name = NULL;
  pthread_mutex_lock(&lock);
  cd_disk *d = disk_of(path, &name);
  if (d == NULL || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0) { // none of ours: as if there were no shim
    pthread_mutex_unlock(&lock);
    return below->xOpen(below, path, f, flags, out);
  }
  cd_file *c = (cd_file*)f;
  memset(c, 0, sizeof *c);
  c->real = (sqlite3_file*)((char*)c + sizeof *c);
  int code = fault(d, CD_OPEN);
  int created = (flags & SQLITE_OPEN_CREATE) != 0 && access(path, F_OK) != 0;
  int rc = code != 0 ? code : below->xOpen(below, path, c->real, flags, out);
  if (rc == SQLITE_OK) {
    c->disk = d;
    c->name = strdup(name);
    c->new_log = created && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    c->base.pMethods = &methods;
    if (created) append(d, CD_CREATE, 0, 0, name, "", NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return rc;
}

static int vfs_delete(sqlite3_vfs *v, const char *path, int sync) {
  const char *name = NULL;
  pthread_mutex_lock(&lock);
  cd_disk *d = disk_of(path, &name);
  int code = d != NULL ? fault(d, CD_DELETE) : 0;
  int rc = code != 0 ? code : below->xDelete(below, path, sync);
  if (rc == SQLITE_OK && d != NULL) {
    append(d, CD_DELETE, 0, 0, name, "", NULL, 0);
    if (sync) append(d, CD_SYNCDIR, 0, 0, name, "", NULL, 0);
  }
  pthread_mutex_unlock(&lock);
  return rc;
}

int cd_install(void) {
  if (sqlite3_vfs_find == NULL || sqlite3_initialize == NULL || sqlite3_vfs_register == NULL) return SQLITE_ERROR;
  int rc = sqlite3_initialize();
  if (rc != SQLITE_OK) return rc;
  pthread_mutex_lock(&lock);
  if (below == NULL && (below = sqlite3_vfs_find(NULL)) != NULL) {
    // The other methods take a VFS only to ask it for what the shim copies.
    shim = *below;
    shim.iVersion = 2;
    shim.szOsFile = sizeof(cd_file) + below->szOsFile;
    shim.pNext = NULL;
    shim.zName = "crashdisk";
    shim.xOpen = vfs_open;
    shim.xDelete = vfs_delete;
    rc = sqlite3_vfs_register(&shim, 1);
  }
  pthread_mutex_unlock(&lock);
  return below == NULL ? SQLITE_ERROR : rc;
}

cd_disk *cd_attach(const char *root) {
  cd_disk *d = calloc(1, sizeof *d);
  if (d == NULL) abort();
  d->root = strdup(root);
  d->root_length = strlen(root);
  pthread_mutex_lock(&lock);
  d->next = disks;
  disks = d;
  pthread_mutex_unlock(&lock);
  return d;
}

void cd_detach(cd_disk *d) {
  pthread_mutex_lock(&lock);
  d->detached = 1;
  for (cd_disk **p = &disks; *p != NULL; p = &(*p)->next) {
    if (*p == d) {
      *p = d->next;
      break;
    }
  }
  pthread_mutex_unlock(&lock);
}

// The few bytes of the disk itself stay: a file that is still open may name it.
void cd_release(cd_disk *d) {
  free(d->log);
  d->log = NULL;
}

void cd_note(cd_disk *d, int kind, int64_t at, const char *name, const char *other, const void *data, size_t length) {
  pthread_mutex_lock(&lock);
  append(d, kind, 0, at, name, other, data, length);
  pthread_mutex_unlock(&lock);
}

void cd_fail(cd_disk *d, int kind, int64_t nth, int64_t last, int code) {
  pthread_mutex_lock(&lock);
  d->first[kind] = nth;
  d->last[kind] = last;
  d->code[kind] = code;
  pthread_mutex_unlock(&lock);
}

int64_t cd_calls(cd_disk *d, int kind) {
  pthread_mutex_lock(&lock);
  int64_t n = d->calls[kind];
  pthread_mutex_unlock(&lock);
  return n;
}

int64_t cd_failed(cd_disk *d) {
  pthread_mutex_lock(&lock);
  int64_t n = d->failed;
  pthread_mutex_unlock(&lock);
  return n;
}

const char *cd_log(cd_disk *d, size_t *length) {
  *length = d->used;
  return d->log;
}
