// Package command is the program that runs other programs as mapper, combiner and reducer: any
// executable that reads lines and writes lines. Task processes use it, and the command line, for
// Program and Split. It is written with the SDK alone; the one idea needed to read it: a command
// is a filter, so whoever writes to it reads from it at the same time, and nobody ever waits for
// one pipe while the other is full.
//
// # The contract
//
// A command is an argument vector: no shell runs it, unless it is `sh -c …`. Each attempt starts
// it once and closes its standard input at the end; exit status 0 is success. It need not read
// all of its input. Lines end with LF, CR is data; the last line that it reads always has its LF,
// the last that it writes need not. A line may have fanfold.RecordMax bytes.
//
//   - A mapper reads the lines of a split. What it writes is key, separator, value; the key is the
//     first Command.KeyFields fields. A line with fewer separators is a key without a value, and
//     reaches the reducer as it was written.
//   - A reducer reads the lines of its partition, ordered by the bytes of their keys, those of a
//     key in the order of the input. It runs for an empty partition, too.
//   - A combiner reads and writes what a mapper writes. It reads in the order of a reducer, within
//     each partition, and keeps that order; it runs zero or more times over any part of a mapper's
//     output.
//   - What is written for the output, by a reducer or by a mapper without one, is a record of
//     the text format: key, TAB and value, or the key alone. So it is printed as it was written.
//
// On standard error these lines are obeyed; they are not part of the log, and all others are:
//
//	reporter:counter:GROUP,NAME,N                         adds N to a counter of the job
//	reporter:status:TEXT                                  shows TEXT, and counts as progress
//	{"counter":{"group":"GROUP","name":"NAME","n":N}}     the same as JSON, one object on a line
//	{"status":"TEXT"}
//
// A command runs in Command.Dir, with the environment of the task process, TMPDIR in the attempt's
// scratch directory, and
//
//	FANFOLD_JOB_ID        mapreduce_job_id            mapred_job_id
//	FANFOLD_TASK_ID       mapreduce_task_id           mapred_tip_id
//	FANFOLD_ATTEMPT_ID    mapreduce_task_attempt_id   mapred_task_id
//	FANFOLD_TASK_INDEX    mapreduce_task_partition    mapred_task_partition
//	FANFOLD_TASK_STAGE    mapreduce_task_ismap        mapred_task_is_map
//	FANFOLD_TASK_REDUCERS mapreduce_job_reduces       mapred_reduce_tasks
//	FANFOLD_INPUT_FILE    mapreduce_map_input_file    map_input_file      mapper: first input
//	FANFOLD_INPUT_START   mapreduce_map_input_start   map_input_start     mapper: offset in it
//	FANFOLD_TASK_DIR                                                      scratch directory
//	FANFOLD_COMMAND_ID                                                    of this run of a command
//
// (the stage is map or reduce, Hadoop's names have true or false) and then Command.Env.
//
// Output is read to its end, as in a pipeline of a shell: processes in the background that hold it
// open after the command has ended, and write nothing for five seconds, fail the attempt. Then what
// the command left in its process group is killed, and so is what carries its FANFOLD_COMMAND_ID.
// When no command is left in the task process, everything else that any of them left is killed too.
package command
