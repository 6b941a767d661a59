// Evaluates one formula on many rows with sformula, which nobody on this project wrote: JSON in, JSON out.
import { readFileSync } from 'node:fs';
import { parseSync } from 'sformula';

const { formula, types, rows } = JSON.parse(readFileSync(0, 'utf8'));
const parsed = parseSync(formula, { inputTypes: types, returnType: 'boolean' });
process.stdout.write(JSON.stringify(rows.map((row) => parsed.evaluate(row))));
