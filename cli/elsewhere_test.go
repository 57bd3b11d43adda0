//go:build !linux

package cli_test

import "github.com/fanfold/fanfold"

// mainVariable makes the test binary the command fanfold.
const mainVariable = "FANFOLD_TEST_MAIN"

// testPrograms are those of tests that need Linux to see what is left behind.
var testPrograms []fanfold.Program
