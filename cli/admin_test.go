package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fanfold/fanfold/coordinator"
	"github.com/fanfold/fanfold/storage"
)

func newAdmin(t *testing.T) (*coordinator.Server, http.Handler) {
	t.Helper()
	server := coordinator.New(coordinator.Config{Storage: &storage.Mux{}, SpoolDir: t.TempDir()})
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, adminServer(server, []byte{0xab, 0xcd}).Handler
}

// ask gives the status and the body of a request.
func ask(t *testing.T, h http.Handler, method, host, path, secret string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(method, "http://"+host+path, nil)
	if secret != "" {
		r.Header.Set("Authorization", secret)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestAdminLetsInWhoHasTheSecret(t *testing.T) {
	_, h := newAdmin(t)
	for _, test := range []struct {
		method, host, path, secret string
		want                       int
	}{
		{"GET", "127.0.0.1:9503", "/metrics", "Bearer abcd", 200},
		{"GET", "localhost:9503", "/metrics", "Bearer ABCD", 200},
		{"GET", "[::1]:9503", "/metrics", "Bearer abcd", 200},
		{"GET", "127.0.0.1:9503", "/metrics", "", 401},
		{"GET", "127.0.0.1:9503", "/metrics", "Bearer abce", 401},
		{"GET", "127.0.0.1:9503", "/metrics", "Bearer ab", 401},
		{"GET", "127.0.0.1:9503", "/metrics", "Basic abcd", 401},
		{"GET", "127.0.0.1:9503", "/debug/pprof/cmdline", "", 401},
		{"GET", "127.0.0.1:9503", "/debug/pprof/cmdline", "Bearer abcd", 200},
		{"POST", "127.0.0.1:9503", "/metrics", "Bearer abcd", 405},
		{"GET", "127.0.0.1:9503", "/nothing", "Bearer abcd", 404},
		{"GET", "127.0.0.1:9503", "/healthz", "", 200},
		{"GET", "rebound.example:9503", "/metrics", "Bearer abcd", 403},
		{"GET", "rebound.example", "/healthz", "", 403},
		{"GET", "192.0.2.1", "/healthz", "", 403},
	} {
		got, body := ask(t, h, test.method, test.host, test.path, test.secret)
		if got != test.want {
			t.Errorf("%+v: got %d, %s", test, got, body)
		}
	}
}

// TestB27MetricsAreTheStats checks that metrics have each number of the stats, under its name.
func TestB27MetricsAreTheStats(t *testing.T) {
	server, h := newAdmin(t)
	seen, err := server.Observe()
	if err != nil {
		t.Fatal(err)
	}
	_, body := ask(t, h, "GET", "localhost", "/metrics", "Bearer abcd")
	for _, s := range seen.Stats {
		if line := fmt.Sprintf("\n%s %d\n", s.Name, s.Value); !strings.Contains(body, line) {
			t.Errorf("the metrics lack %q", line)
		}
	}
	if len(seen.Stats) < 20 {
		t.Errorf("got %d stats only", len(seen.Stats))
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{server})
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
