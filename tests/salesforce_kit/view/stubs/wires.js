// The part of Lightning Data Service that the components use, over records that the page holds.
const told = new Set();

/** A wire adapter that asks `answer(config)` for its data, and again whenever the page says so. */
function adapter(answer) {
    return class {
        constructor(callback) {
            this.callback = callback;
        }
        connect() {
            told.add(this);
            this.tell();
        }
        disconnect() {
            told.delete(this);
        }
        update(config) {
            this.config = config;
            this.tell();
        }
        tell() {
            const data = this.config && answer(this.config);
            if (data) {
                this.callback({ data, error: undefined });
            }
        }
    };
}

export const getRecord = adapter(({ recordId }) => recordId && window.org.records[recordId]);
export const getRelatedListRecords = adapter(({ parentRecordId, relatedListId }) => {
    const records = parentRecordId && window.org.lists[`${parentRecordId}/${relatedListId}`];
    return records && { records };
});

function at(record, name) {
    const [, ...path] = name.split('.');
    return path.reduce((found, part) => found?.value?.fields?.[part] ?? found?.fields?.[part], record);
}

export const getFieldValue = (record, name) => at(record, name)?.value;
export const getFieldDisplayValue = (record, name) => at(record, name)?.displayValue;

export async function createRecord(input) {
    window.org.created.push(input);
    const refused = window.org.refuses;
    if (refused) {
        throw { body: { message: 'An error occurred while trying to update the record.', output: { errors: [{ message: refused }] } } };
    }
    return { id: 'a028c00000AbCdEFGH', ...input };
}
