const Navigate = Symbol('Navigate');

export const NavigationMixin = (Base) =>
    class extends Base {
        [Navigate](reference) {
            window.org.visited.push(reference);
        }
    };
NavigationMixin.Navigate = Navigate;
