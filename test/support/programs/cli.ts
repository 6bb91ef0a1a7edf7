/** The command line, as its bin is. */
import '../../../packages/cli/src/bin.ts'
