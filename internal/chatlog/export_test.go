package chatlog

import (
	"bytes"
	"io"
)

func ObjectKey(b Batch, attempt int) string { return objectKey(b, attempt) }

func Segment(name string) string { return segment(name) }

func WholeLines(text []byte) (int64, error) {
	return wholeLines(io.NewSectionReader(bytes.NewReader(text), 0, int64(len(text))))
}
