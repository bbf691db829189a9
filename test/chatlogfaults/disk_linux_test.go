package chatlogfaults

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/parleychat/parley/ivschat"
)

// unavailable is for what needs more than this machine lets a test do.
func unavailable(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("cannot run here: %v", err)
	}
	t.Skipf("SKIPPED, cannot run here: %v", err)
}

// disk is an image with a file system of its own. What the image holds while its
// writer is frozen is what a disk holds when the power goes; all that the kernel
// still has in memory is lost.
type disk struct {
	t                   *testing.T
	image, cut, mounted string
}

func newDisk(t *testing.T) *disk {
	dir := t.TempDir()
	d := &disk{t, filepath.Join(dir, "image"), filepath.Join(dir, "cut"), filepath.Join(dir, "mounted")}
	if err := errors.Join(os.Mkdir(d.mounted, 0o700), os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, 256<<20)); err != nil {
		t.Fatal(err)
	}
	if err := command("mkfs.ext4", "-q", "-F", d.image); err != nil {
		unavailable(t, err)
	}
	if err := command("mount", "-o", "loop", d.image, d.mounted); err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() {
		if err := command("umount", d.mounted); err != nil {
			t.Error(err)
		}
	})
	return d
}

// back puts the disk as it was when it was copied in the place of the present one.
func (d *disk) back() {
	d.t.Helper()
	if err := errors.Join(command("umount", d.mounted), os.Rename(d.cut, d.image), command("mount", "-o", "loop", d.image, d.mounted)); err != nil {
		d.t.Fatal(err)
	}
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// freeze stops the process and returns when no thread of it runs.
func freeze(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != nil {
		return err
	}
	if !status.Stopped() {
		return fmt.Errorf("process %d did not stop: %v", pid, status)
	}
	return nil
}

// copyFile copies a file, and leaves out what it has of zeros.
func copyFile(to, from string) error {
	return command("cp", "--sparse=always", from, to)
}

// Whenever the power goes: what any viewer got is in both destinations in the end,
// which are on the same disk as the server's database. CHATLOG_CUTS is how often.
func TestPowerCutsLoseNothing(t *testing.T) {
	cuts := times(t, "CHATLOG_CUTS", 3)
	d := newDisk(t)
	data := filepath.Join(d.mounted, "data")
	r := newRig(t, data, []ivschat.DestinationConfiguration{toBucket(), toLogGroup()})
	forgot := 0
	for range cuts {
		before := r.delivered()
		stop := r.chat()
		wait(t, "a delivery", func() bool { return r.delivered() > before })
		<-time.After(rand.N(600 * time.Millisecond)) // the moment of the cut
		// What nobody synced must be gone, or no power was cut.
		witness := filepath.Join(d.mounted, "witness")
		if err := os.WriteFile(witness, []byte("not synced"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(freeze(r.cmd.Process.Pid), copyFile(d.cut, d.image)); err != nil {
			t.Fatal(err)
		}
		r.end(syscall.SIGKILL)
		stop()
		d.back()
		if text, err := os.ReadFile(witness); err != nil || string(text) != "not synced" {
			forgot++
		}
		if err := os.Remove(witness); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		r.start()
	}
	r.end(syscall.SIGTERM)
	fmt.Printf("%d of %d cuts took what was not synced\n", forgot, cuts)
	r.hold(fmt.Sprintf("power cut %d times", cuts), files(t, filepath.Join(data, "chatlogs")), 0)
	if forgot == 0 {
		t.Errorf("a file that was not synced outlasted each of %d cuts: the rig does not cut", cuts)
	}
}

// The disk has no room for the outbox, at first with the destinations down, then
// with them up. Logged rooms refuse, the other goes on; with room again everything
// does, without another start, and nothing is lost. CHATLOG_FILLS is how often.
func TestDiskThatIsFull(t *testing.T) {
	fills := times(t, "CHATLOG_FILLS", 2)
	dir := smallDisk(t)
	e := newEndpoint(t)
	r := newRig(t, filepath.Join(dir, "data"), everywhere(), e.flags()...)
	stop := r.chat()
	defer stop()
	for range fills {
		r.every(rand.IntN(100))
		e.set(true, nil)
		filler := filepath.Join(dir, "filler")
		fill(t, filler)
		r.refuses()
		fill(t, filler) // what the server gave back meanwhile
		before := e.tried()
		e.set(false, nil)
		wait(t, "a call of a destination while the disk is full", func() bool { return e.tried() > before })
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
	r.every(50)
	stop()
	wait(t, "what waits to be shipped", func() bool { return e.has(r) })
	r.end(syscall.SIGTERM)
	r.hold(fmt.Sprintf("disk full %d times", fills), e.holds(), 0)
}

// The same with the destinations' files on that disk, as they are without settings.
func TestDiskOfDestinationsThatIsFull(t *testing.T) {
	fills := times(t, "CHATLOG_FILLS", 2)
	dir := smallDisk(t)
	data := filepath.Join(dir, "data")
	r := newRig(t, data, []ivschat.DestinationConfiguration{toBucket(), toLogGroup()})
	stop := r.chat()
	defer stop()
	for range fills {
		r.every(rand.IntN(100))
		filler := filepath.Join(dir, "filler")
		fill(t, filler)
		r.refuses()
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	}
	r.every(50)
	stop()
	r.end(syscall.SIGTERM)
	r.hold(fmt.Sprintf("disk of files full %d times", fills), files(t, filepath.Join(data, "chatlogs")), 0)
}

// smallDisk is a directory with little room.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=32m"); err != nil {
		unavailable(t, fmt.Errorf("mount tmpfs: %w", err))
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill has the file take all the room that is left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
