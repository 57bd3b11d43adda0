#include "textflag.h"

// func prefetchSlots(slots unsafe.Pointer, mask uint64, hashes []uint64)
TEXT ·prefetchSlots(SB), NOSPLIT, $0-40
	MOVD slots+0(FP), R0
	MOVD mask+8(FP), R1
	MOVD hashes_base+16(FP), R2
	MOVD hashes_len+24(FP), R3
	CBZ  R3, done

next:
	MOVD.P 8(R2), R4
	AND    R1, R4
	LSL    $5, R4 // slotBytes
	ADD    R0, R4
	PRFM   (R4), PLDL1KEEP
	SUB    $1, R3
	CBNZ   R3, next

done:
	RET
