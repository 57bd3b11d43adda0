package cli

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fanfold/fanfold"
	"github.com/fanfold/fanfold/coordinator"
)

// adminTokenName is the file of the secret that the admin listener wants, in the state folder. It
// is another one than that of clients, because over HTTP it travels.
const adminTokenName = "admin-token"

// The limits of the admin listener.
const (
	adminHeaderMax = 16 << 10
	adminTimeout   = 10 * time.Second // for the head of a request
)

// adminServer serves what operators look at: /metrics for Prometheus, /debug/pprof, and /healthz,
// which alone needs no secret.
func adminServer(server *coordinator.Server, secret []byte) *http.Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{server})
	guarded := http.NewServeMux()
	guarded.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	guarded.HandleFunc("GET /debug/pprof/", pprof.Index)
	guarded.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	guarded.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	guarded.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	guarded.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	all := http.NewServeMux()
	all.Handle("/", withSecret(secret, guarded))
	all.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := server.Observe(); err != nil {
			http.Error(w, "closing", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n")) // whoever has asked is gone otherwise
	})
	return &http.Server{
		Handler: loopbackHost(all), ReadHeaderTimeout: adminTimeout, MaxHeaderBytes: adminHeaderMax,
	}
}

// withSecret wants the secret, as hexadecimal digits, as a bearer token (RFC 6750).
func withSecret(secret []byte, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got, err := hex.DecodeString(strings.TrimSpace(text))
		if !ok || err != nil || subtle.ConstantTimeCompare(got, secret) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="fanfold"`)
			http.Error(w, "want the secret in the file "+adminTokenName+" of the state folder",
				http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loopbackHost refuses requests for another host: a page of a stranger's that a browser here shows
// may have made its own name point to this one.
func loopbackHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this is for the host itself", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// collector gives the numbers of a coordinator to Prometheus: those of `fanfold stats`, by the same
// names, and some by job and by worker.
type collector struct {
	server *coordinator.Server
}

// Describe is for the registry. It names nothing: which numbers there are is the server's to say.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect is for the registry.
func (c collector) Collect(out chan<- prometheus.Metric) {
	seen, err := c.server.Observe()
	if err != nil {
		return // it is closing
	}
	for _, s := range seen.Stats {
		out <- number(s.Name, s.Value, nil)
	}
	for i := range seen.Workers {
		w := &seen.Workers[i]
		labels := prometheus.Labels{"worker": w.Name}
		out <- number("fanfold_worker_slots", int64(w.Slots), labels)
		out <- number("fanfold_worker_slots_busy", int64(w.Busy), labels)
		out <- number("fanfold_worker_attempts_done_total", int64(w.Done), labels)
		out <- number("fanfold_worker_attempts_failed_total", int64(w.Failures), labels)
	}
	for i := range seen.Jobs {
		j := &seen.Jobs[i]
		for _, t := range j.Tasks {
			for _, n := range []struct {
				state string
				value uint64
			}{
				{"waiting", t.Waiting}, {"queued", t.Queued}, {"running", t.Running},
				{"succeeded", t.Succeeded}, {"failed", t.Failed}, {"timed_out", t.TimedOut},
				{"cancelled", t.Cancelled}, {"lost", t.Lost},
			} {
				labels := prometheus.Labels{"job": fanfold.JobID(j.Job).String(), "state": n.state}
				out <- number("fanfold_job_tasks", int64(n.value), labels)
			}
		}
	}
}

// number is one metric. Names that end in _total only grow, others go up and down.
func number(name string, value int64, labels prometheus.Labels) prometheus.Metric {
	kind := prometheus.GaugeValue
	if strings.HasSuffix(name, "_total") {
		kind = prometheus.CounterValue
	}
	help := strings.ReplaceAll(strings.TrimPrefix(name, "fanfold_"), "_", " ")
	desc := prometheus.NewDesc(name, "Fanfold: "+help+".", nil, labels)
	return prometheus.MustNewConstMetric(desc, kind, float64(value))
}

// adminOnly refuses an address that other hosts could reach; "" is none.
func adminOnly(address string) error {
	if address == "" {
		return nil
	}
	local, err := isLoopback(address)
	if err == nil && !local {
		err = fanfold.Errorf(fanfold.KindUnsupported, "listen",
			"--admin %s: reachable from other hosts; listen on 127.0.0.1 or ::1", address)
	}
	return err
}

// startAdmin starts the admin listener, if there is an address for it.
func (a *app) startAdmin(
	ctx context.Context, dir, address string, server *coordinator.Server,
) (stop func() error, err error) {
	if address == "" {
		return func() error { return nil }, nil
	}
	file := filepath.Join(dir, adminTokenName)
	secret, err := makeToken(file)
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, errors.Join(a.listenError(address, "--admin", err), os.Remove(file))
	}
	fmt.Fprintf(a.stderr, "%s: metrics on http://%s/metrics\n", a.name, l.Addr())
	s := adminServer(server, secret)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	return func() error {
		err := s.Close()
		if serving := <-ended; !errors.Is(serving, http.ErrServerClosed) {
			err = errors.Join(err, serving)
		}
		return errors.Join(err, os.Remove(file))
	}, nil
}
