// HubSpot's own reading of a project, without its account: what it found, as JSON.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { translate } from '@hubspot/project-parsing-lib/translate';
import { validateUid } from '@hubspot/project-parsing-lib/uid';

const folder = resolve(process.argv[2]);
const { srcDir, platformVersion } = JSON.parse(readFileSync(resolve(folder, 'hsproject.json'), 'utf8'));
const context = { projectSourceDir: resolve(folder, srcDir), platformVersion, accountId: 1 };
const { intermediateRepresentation, skippedHsMetaFiles } = await translate(context, { skipValidation: true });
const parts = Object.values(intermediateRepresentation.intermediateNodesIndexedByUid);
console.log(
    JSON.stringify({
        parts: parts.map((part) => ({ ...part, fault: validateUid(part.uid) ?? null })),
        skipped: skippedHsMetaFiles
    })
);
