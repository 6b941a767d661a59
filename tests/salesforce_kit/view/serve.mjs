// The page, its script, and the design system's files, on a loopback port.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, resolve } from 'node:path';

const HERE = new URL('.', import.meta.url).pathname;
const SLDS = resolve(HERE, '../node_modules/@salesforce-ux/design-system/assets');
const TYPES = { '.css': 'text/css', '.html': 'text/html', '.js': 'text/javascript', '.svg': 'image/svg+xml' };

function fileOf(path) {
    if (path === '/') {
        return resolve(HERE, 'page.html');
    }
    const found = /^\/(?:slds|assets|_slds)\/(.*)$/.exec(path);
    return found ? resolve(SLDS, found[1]) : null;
}

/** A server that is listening; `address` is where. */
export async function serve(script) {
    const server = createServer((request, response) => {
        const { pathname } = new URL(request.url, 'http://localhost');
        if (pathname === '/page.bundle.js') {
            response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
            return;
        }
        const file = fileOf(pathname);
        if (!file || !file.startsWith(HERE.replace(/view\/$/, '')) || !existsSync(file)) {
            response.writeHead(404).end();
            return;
        }
        response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
        createReadStream(file).pipe(response);
    });
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
    return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
