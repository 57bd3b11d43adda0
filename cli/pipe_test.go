package cli_test

import (
	"os"

	"github.com/fanfold/fanfold"
)

// hostilePrograms are what the task processes of the tests run besides the built-in jobs.
var hostilePrograms = []fanfold.Program{hanging()}

// hanging is a program whose mapper says that it is up and never comes back.
func hanging() fanfold.Program {
	return fanfold.Program{
		Name: "hang",
		Map: fanfold.MapLines(func([]byte, *fanfold.Emitter) error {
			if err := os.WriteFile("up", []byte("up\n"), 0); err != nil {
				return err
			}
			select {}
		}),
	}
}
