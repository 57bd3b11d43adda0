package process

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"slices"
	"strings"
)

// What every process below an agent carries in its environment.
const (
	workVariable  = "FANFOLD_WORK"  // the agent's directory, ':', a number of this tree: see Sweep
	nonceVariable = "FANFOLD_NONCE" // see Marker; the task process takes it out
)

// inherited are the variables that task processes get from the agent, besides those that start
// with LC_. Everything else is for Options.Env to add.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ",
}

// environment makes the environment of a shim, which passes it on but for the role. TMPDIR is the
// agent's directory, so that what a program leaves there goes with it.
func environment(o *Options, role, mark, nonce string) []string {
	env := make([]string, 0, 24)
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	for _, pair := range os.Environ() {
		if strings.HasPrefix(pair, "LC_") {
			env = append(env, pair)
		}
	}
	env = append(env, "TMPDIR="+o.Dir)
	for _, pair := range slices.Concat(o.Env,
		[]string{mark, nonceVariable + "=" + nonce, roleVariable + "=" + role}) {
		env = append(without(env, pair), pair)
	}
	return env
}

// without drops the variable that pair sets: of two of one name, who reads them picks either.
func without(env []string, pair string) []string {
	name, _, _ := strings.Cut(pair, "=")
	return slices.DeleteFunc(env, func(p string) bool { return strings.HasPrefix(p, name+"=") })
}

// randomHex gives 128 random bits as text.
func randomHex() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
