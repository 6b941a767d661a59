const NOT_AHEAD = {
    supported: ['Supported', 'slds-theme_success'],
    unverifiable: ['Cannot be told', ''],
    unmapped: ['Stage is on no ladder', ''],
    not_applicable: ['Closed', '']
};

/** Label and class of the pill. */
export function pill(status, gap) {
    if (status === 'overstated') {
        return [gap === 1 ? '1 stage ahead' : `${gap} stages ahead`, 'slds-theme_warning'];
    }
    return NOT_AHEAD[status] || ['Not checked yet', ''];
}
