#include "textflag.h"

// func prefetch(entries unsafe.Pointer, mask uint64, words []pending)
TEXT ·prefetch(SB), NOSPLIT, $0-40
	MOVQ entries+0(FP), AX
	MOVQ mask+8(FP), BX
	MOVQ words_base+16(FP), SI
	MOVQ words_len+24(FP), CX
	JMP  check

next:
	MOVQ       16(SI), DX // pending.hash
	ANDQ       BX, DX
	SHLQ       $5, DX     // the size of an entry
	PREFETCHT0 (AX)(DX*1)
	ADDQ       $32, SI    // the size of pending
	DECQ       CX

check:
	TESTQ CX, CX
	JNZ   next
	RET
