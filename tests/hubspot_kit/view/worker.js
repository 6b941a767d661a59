// What HubSpot gives a card's worker: the deal that the page holds, and what the card asks HubSpot to do.
const listeners = new Set();

/** Labels stand in for ids where a card asks for formatted properties. */
function shown(names, options) {
    const { properties, stages } = window.portal;
    const known = Object.entries(properties).filter(([name]) => names.includes(name));
    const format = options?.propertiesToFormat ?? [];
    return Object.fromEntries(
        known.map(([name, value]) => [name, name === 'dealstage' && format.includes(name) ? (stages[value] ?? value) : value])
    );
}

async function fetchCrmProperties(names, updated, options) {
    if (window.portal.holds) {
        await new Promise((release) => (window.portal.release = release));
    }
    const tell = () => updated(shown(names, options));
    listeners.add(tell);
    const answer = window.portal.fails
        ? { error: window.portal.fails }
        : { data: shown(names, options), cleanup: () => listeners.delete(tell) };
    return { json: async () => answer };
}

/** A property is saved, as HubSpot's own fields do it; every card hears of it. */
export function save(name, value) {
    window.portal.saved.push([name, value]);
    window.portal.properties[name] = value || null;
    listeners.forEach((tell) => tell());
}

self.__HUBSPOT_EXTENSION_WORKER__ = true;
self.extend_V2 = (render) => (self.card = render);
self.logger = console;
self.hsWorkerAPI = {
    fetchCrmProperties,
    useExtensionContext: () => ({ location: 'crm.record.tab', crm: window.portal.deal }),
    useExtensionActions: () => ({ addAlert: (alert) => window.portal.alerts.push(alert) })
};
