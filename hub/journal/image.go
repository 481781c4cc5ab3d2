package journal

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// A state image is a file of the folder, named after the index it stands at. It
// begins with magic, version, minimum reader and two zero bytes, then, big endian,
// the index and the wall stamp of the newest entry inside, 8 bytes each, and the
// CRC-32C of those sixteen. What follows is the state's, with a checksum of its own.
const (
	imageSuffix        = ".image"
	imageMagic         = "SIMG"
	imageVersion       = 1
	imageMinimumReader = 1
	imageHeadBytes     = headerBytes + 2*8 + 4
)

// ErrImage is damage in an image; it arrives with the file.
var ErrImage = errors.New("the image is damaged")

// Image is one state image.
type Image struct {
	Index uint64
	At    int64 // wall stamp, unix ms
	Bytes int64 // of the whole file
	path  string
}

// Name names the image for people.
func (i Image) Name() string { return filepath.Base(i.path) }

func (j *Journal) imagePath(index uint64) string {
	return filepath.Join(j.dir, fmt.Sprintf("%020d%s", index, imageSuffix))
}

// WriteImage keeps a state as of an index: whole, or not at all. Any goroutine may
// call it, for one index at a time.
func (j *Journal) WriteImage(index uint64, at int64, write func(io.Writer) error) error {
	err := writeWhole(j.imagePath(index), func(out io.Writer) error {
		head := append([]byte(imageMagic), imageVersion, imageMinimumReader, 0, 0)
		head = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(head, index), uint64(at))
		head = binary.BigEndian.AppendUint32(head, crc32.Checksum(head[headerBytes:], castagnoli))
		if _, err := out.Write(head); err != nil {
			return err
		}
		return write(out)
	})
	if err != nil {
		return fmt.Errorf("write image at %d: %w", index, err)
	}
	return nil
}

// Image finds the one at an index.
func (j *Journal) Image(index uint64) (Image, error) { return readImageHead(j.imagePath(index)) }

// Images are those that the folder holds, oldest first. One whose head is damaged
// is not among them; the error names it.
func (j *Journal) Images() (images []Image, err error) {
	paths, fault := filepath.Glob(filepath.Join(j.dir, "*"+imageSuffix))
	if fault != nil {
		return nil, fault
	}
	for _, path := range paths {
		image, fault := readImageHead(path)
		switch {
		case errors.Is(fault, os.ErrNotExist): // dropped since we looked
		case fault != nil:
			err = errors.Join(err, fmt.Errorf("%s: %w", filepath.Base(path), fault))
		default:
			images = append(images, image)
		}
	}
	slices.SortFunc(images, func(a, b Image) int { return cmp.Compare(a.Index, b.Index) })
	return images, err
}

func readImageHead(path string) (i Image, err error) {
	if i, err = imageIn(path); err == nil && filepath.Base(path) != fmt.Sprintf("%020d%s", i.Index, imageSuffix) {
		return i, ErrImage
	}
	return i, err
}

func imageIn(path string) (i Image, err error) {
	file, err := os.Open(path)
	if err != nil {
		return i, err
	}
	defer file.Close() // only read
	var head [imageHeadBytes]byte
	if _, err := io.ReadFull(file, head[:]); err != nil {
		return i, errors.Join(ErrImage, err)
	}
	info, err := file.Stat()
	if err != nil {
		return i, err
	}
	known := head[headerBytes : imageHeadBytes-4]
	switch {
	case string(head[:len(imageMagic)]) != imageMagic || crc32.Checksum(known, castagnoli) != binary.BigEndian.Uint32(head[imageHeadBytes-4:]):
		return i, ErrImage
	case head[5] > imageVersion:
		return i, fmt.Errorf("reader %d is needed and this is %d: %w", head[5], imageVersion, ErrVersion)
	}
	return Image{binary.BigEndian.Uint64(known), int64(binary.BigEndian.Uint64(known[8:])), info.Size(), path}, nil
}

// TakeImage keeps an image that was fetched, if it is whole: check reads its state
// and says what index it is of.
func (j *Journal) TakeImage(p *Part, index uint64, check func(io.Reader) (uint64, error)) error {
	i, err := imageIn(p.path)
	if err != nil {
		return err
	}
	in, err := i.Open()
	if err != nil {
		return err
	}
	defer in.Close() // only read
	inside, err := check(in)
	switch {
	case err != nil:
		return errors.Join(ErrImage, err)
	case i.Index != index || inside != index:
		return fmt.Errorf("it is of %d, and its state of %d: %w", i.Index, inside, ErrImage)
	}
	again, err := i.Open()
	if err != nil {
		return err
	}
	defer again.Close() // only read
	return j.WriteImage(index, i.At, func(out io.Writer) error {
		_, err := io.Copy(out, again)
		return err
	})
}

// Open reads the state inside.
func (i Image) Open() (io.ReadCloser, error) {
	file, err := os.Open(i.path)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(imageHeadBytes, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Reaches reports whether every entry after the image is in the journal. The state
// before the log's first entry (index 0) is kept only where nothing was dropped.
func (j *Journal) Reaches(i Image) bool {
	run := j.shown.Load().segments
	return len(run) > 0 && (i.Index+1 >= run[0].first || i.Index == 0 && !run[0].gap)
}

// dropImages removes those from which a journal that begins at horizon does not
// lead on.
func (j *Journal) dropImages(horizon uint64) error {
	images, _ := j.Images() // a damaged one stays for a person
	for _, i := range images {
		if i.Index+1 >= horizon {
			break
		}
		if err := os.Remove(i.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
