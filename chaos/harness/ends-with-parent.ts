// The standard input of a process ends when the process that started it ends.
process.stdin
  .on('end', () => process.kill(process.pid, 'SIGKILL'))
  .resume()
  .unref()
