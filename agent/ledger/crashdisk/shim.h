#ifndef CRASHDISK_SHIM_H
#define CRASHDISK_SHIM_H

#include <stdint.h>
#include <stddef.h>

// What was done to a disk. The numbers are those of Kind in events.go.
enum { CD_CREATE = 1, CD_WRITE, CD_TRUNCATE, CD_SYNC, CD_SYNCDIR, CD_DELETE, CD_RENAME, CD_MARK, CD_READ, CD_OPEN, CD_LINK, CD_KINDS };

// One event; its name and its data follow it in the log.
typedef struct {
  int32_t kind;
  int32_t failed;   // a code of SQLite's, 0 where it went well
  int64_t at;       // offset, size or the number of a mark
  int64_t length;   // of data
  int32_t name;     // length of the name
  int32_t other;    // length of a second name, which follows the data
} cd_event;

typedef struct cd_disk cd_disk;

// cd_install makes the shim the default of this process; 0 where it is.
int cd_install(void);
cd_disk *cd_attach(const char *root);
// cd_detach stops recording; the log stays valid until cd_release.
void cd_detach(cd_disk *d);
void cd_release(cd_disk *d);
void cd_note(cd_disk *d, int kind, int64_t at, const char *name, const char *other, const void *data, size_t length);
// cd_fail lets the nth call of a kind fail with a code from now on; with last
// later than nth, all calls from nth to last.
void cd_fail(cd_disk *d, int kind, int64_t nth, int64_t last, int code);
int64_t cd_calls(cd_disk *d, int kind);
int64_t cd_failed(cd_disk *d);
const char *cd_log(cd_disk *d, size_t *length);

#endif
