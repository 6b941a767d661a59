/** Whether the deal still stands where it was judged. HubSpot holds a stage's id; people and details name its label. */

/** The label of the deal's stage; null where HubSpot gave nothing but the id. */
export function labelOf(id: string | null | undefined, shown: string | null | undefined): string | null {
    return shown && shown !== id ? shown : null;
}

/** False as well where only the id is known: what cannot be told is not claimed. */
export function hasMoved(judged: string | null, id: string | null | undefined, label: string | null): boolean {
    if (!judged || !label || judged === label || judged === id) {
        return false;
    }
    return !label.startsWith(`${judged} (`); // some views put the pipeline behind it: `Contract sent (Renewals)`
}
