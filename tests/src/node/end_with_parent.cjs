// Loaded before a test counterpart: ends it when the test that started it is gone, however that
// happened, because then the pipe to our standard input closes.
process.stdin.on("error", () => process.exit(0));
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
