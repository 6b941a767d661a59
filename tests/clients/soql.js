// Reads queries, one JSON string a line, and says of each what Apex's own grammar has against it, or null.
import { ApexErrorListener, ApexParserFactory } from "@apexdevtools/apex-parser";
import { createInterface } from "node:readline";

const END = -1;

class Complaints extends ApexErrorListener {
  all = [];

  apexSyntaxError(line, column, message) {
    this.all.push(`${line}:${column} ${message}`);
  }
}

function complaint(soql) {
  const complaints = new Complaints();
  const { parser } = ApexParserFactory.createLexerAndParser(soql, complaints);
  parser.query();
  const rest = parser.getCurrentToken(); // the rule stops where no query goes on, without a complaint
  if (rest.type !== END) complaints.apexSyntaxError(rest.line, rest.column, `left over: '${rest.text}'`);
  return complaints.all[0] ?? null;
}

for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(complaint(JSON.parse(line))));
