package testenv

import (
	"runtime"
	"sync"
)

var keeper struct {
	once sync.Once
	work chan func()
}

// onLockedThread runs work on one thread that lives as long as the process.
func onLockedThread(work func() error) error {
	keeper.once.Do(func() {
		keeper.work = make(chan func())
		go func() {
			runtime.LockOSThread()
			for next := range keeper.work {
				next()
			}
		}()
	})
	done := make(chan error, 1)
	keeper.work <- func() { done <- work() }
	return <-done
}
