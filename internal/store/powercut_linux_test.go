//go:build powercut

package store

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
)

// The disk is an image with a file system of its own. What the image holds at
// the moment its writer is frozen is what a disk holds at the moment the power
// goes; all that the kernel still has in memory is lost.
func TestPowerCut(t *testing.T) {
	if lost, acks := powerCuts(t, "FULL"); lost > 0 {
		t.Errorf("%d of %d acknowledged writes were lost", lost, acks)
	}
}

// A rig that finds nothing wrong with a setting known to lose writes would
// prove nothing about the other.
func TestPowerCutFindsLosses(t *testing.T) {
	if lost, acks := powerCuts(t, "NORMAL"); lost == 0 {
		t.Errorf("synchronous=NORMAL lost none of %d acknowledged writes: the rig does not cut", acks)
	}
}

func powerCuts(t *testing.T, synchronous string) (lost, total int) {
	dir := t.TempDir()
	disk, cut, mounted := filepath.Join(dir, "disk"), filepath.Join(dir, "cut"), filepath.Join(dir, "mounted")
	if err := errors.Join(os.Mkdir(mounted, 0o700), os.WriteFile(disk, nil, 0o600), os.Truncate(disk, 64<<20)); err != nil {
		t.Fatal(err)
	}
	if err := command("mkfs.ext4", "-q", "-F", disk); err != nil {
		unavailable(t, "%v", err)
	}
	if err := command("mount", "-o", "loop", disk, mounted); err != nil {
		unavailable(t, "%v", err)
	}
	up := true
	unmount := func() {
		if err := command("umount", mounted); err != nil {
			t.Fatal(err)
		}
		up = false
	}
	defer func() {
		if up {
			unmount()
		}
	}()
	path := filepath.Join(mounted, "parley.db")
	var acks []string
	for i := range 10 {
		fresh := acknowledged(t, path, synchronous, rand.IntN(1500), func(cmd *exec.Cmd) error {
			return errors.Join(freeze(cmd.Process.Pid), copyFile(cut, disk), cmd.Process.Kill())
		})
		unmount()
		if err := os.Rename(cut, disk); err != nil {
			t.Fatal(err)
		}
		if err := command("mount", "-o", "loop", disk, mounted); err != nil {
			t.Fatal(err)
		}
		up = true
		acks = append(acks, fresh...)
		gone := missing(t, path, acks)
		t.Logf("cut %d, synchronous=%s: %d acknowledged, %d lost", i, synchronous, len(fresh), len(gone))
		lost, total = lost+len(gone), total+len(fresh)
		for _, name := range gone { // counted once
			acks = remove(acks, name)
		}
	}
	t.Logf("synchronous=%s: %d acknowledged, %d lost in 10 cuts", synchronous, total, lost)
	return lost, total
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

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func remove(list []string, name string) []string {
	for i, have := range list {
		if have == name {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}
