package coordinator

import (
	"math"
	"slices"

	"github.com/fanfold/fanfold/protocol"
)

// noImage is what a worker is asked for that may have another image in use than it was told.
const noImage = math.MaxUint32

// switchImage has a slot use a process of another image: at once if the slot has one, else the
// worker is asked for one, and false is returned. The process that was used before stays warm. Only
// the slot decides which processes a worker keeps, so that none ends that has just been given work.
func (o *owner) switchImage(sl *slot, image uint32) bool {
	if sl.process == nil && sl.asked == image {
		return false // it will come
	}
	before := sl.process
	sl.process = nil
	if i := slices.IndexFunc(sl.warm, func(p *process) bool { return p.image == image }); i >= 0 {
		sl.process = sl.warm[i]
		sl.warm = slices.Delete(sl.warm, i, i+1)
	}
	o.ask(sl, image)
	if before != nil {
		o.keepWarm(sl, before)
	}
	return sl.process != nil
}

// ask tells the worker which image a slot wants from now on.
func (o *owner) ask(sl *slot, image uint32) {
	sl.asked = image
	m := &protocol.Start{Slot: sl.index, Image: o.imageHash(image)}
	if image > 0 {
		m.Path = o.images.list[image-1].path
	}
	o.send(sl.worker.peer, m)
}

// imageHash is the SHA-256 of an image; none: it is what workers run of their own.
func (o *owner) imageHash(image uint32) []byte {
	if image == 0 || image == noImage {
		return nil
	}
	return o.images.list[image-1].hash
}

// keepWarm keeps a process that a slot does not use, in the place of one of the same image, and has
// the least recently used one killed if there are too many: one without a shard's state, if it can.
func (o *owner) keepWarm(sl *slot, p *process) {
	p.rested = true
	sl.warm = slices.DeleteFunc(sl.warm, func(w *process) bool { return w.image == p.image })
	sl.warm = append(sl.warm, p)
	// One place is for the process in use, or for the one that is awaited.
	if most := max(1, int(sl.worker.peer.hello.Offer.Processes)) - 1; len(sl.warm) > most {
		sl.warm[0].gone = true // what it holds of shards is lost
		i := max(0, slices.IndexFunc(sl.warm, func(w *process) bool { return !o.hasState(w) }))
		o.killProcess(sl.warm[i])
		sl.warm = slices.Delete(sl.warm, i, i+1)
	}
}
