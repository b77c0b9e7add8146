// Ends a CI run with a line that a machine can read, alone on its line: "N passed, N failed" and, if there are any, ", N skipped".
// Exits with 1 if anything failed.
//
//   node scripts/closing-line.ts <report of vitest's JSON reporter> [name of a failed step …]
//
// Failures that are no tests (a test file that could not run, types, lint) count as one each, so that the line never says "0 failed"
// of a run that failed.

import { readFileSync } from 'node:fs';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const [reportPath = '', ...failedSteps] = process.argv.slice(2);
const tests = countTests(readReport(reportPath));
const failed = failuresOf(tests, failedSteps);
if (failedSteps.length > 0) console.log(`failed: ${failedSteps.join(', ')}`);
console.log(
  `${tests.passed} passed, ${failed} failed${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''}`,
);
process.exitCode = failed === 0 ? 0 : 1;

/** A test run that died leaves no report, or half of one. */
function readReport(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

function countTests(report: Report | undefined): Counts {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** The step "test" fails with its tests; it counts by itself only if the report shows none (an error outside all tests). */
function failuresOf(counts: Counts, steps: readonly string[]): number {
  const others = steps.filter((step) => step !== 'test').length;
  return (steps.includes('test') ? Math.max(counts.failed, 1) : counts.failed) + others;
}
