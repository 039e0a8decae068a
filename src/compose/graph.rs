//! Which services come before which (Compose Specification, "depends_on").

use std::collections::BTreeMap;

use super::model::Project;

/// The dependencies among the enabled services of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph<'p> {
    /// In their order.
    names: Vec<&'p str>,
    /// What each one depends upon, by the places of the names, in their order.
    upon: Vec<Vec<usize>>,
}

/// Services that depend upon each other in a ring: each one on the next, and the last one on the first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("services depend on each other in a ring: {} -> {}", .0.join(" -> "), .0.first().map_or("", String::as_str))]
pub struct Cycle(pub Vec<String>);

/// A dense graph has more rings than anybody reads.
const MOST_CYCLES: usize = 20;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
}

impl<'p> Graph<'p> {
    /// The graph of a project; dependencies upon services that are not enabled are left out.
    pub fn new(project: &'p Project) -> Self {
        let names: Vec<&str> = project.services.keys().map(String::as_str).collect();
        let place = |name: &String| names.binary_search(&name.as_str()).ok();
        let services = project.services.values();
        let upon = services.map(|service| service.workload.depends_on.keys().filter_map(place).collect()).collect();
        Self { names, upon }
    }

    /// The services that a service depends upon directly, in the order of their names.
    pub fn dependencies(&self, service: &str) -> impl Iterator<Item = &'p str> + use<'_, 'p> {
        let place = self.names.binary_search(&service).ok();
        place.into_iter().flat_map(|place| &self.upon[place]).map(|upon| self.names[*upon])
    }

    /// The services that depend upon a service directly, in the order of their names.
    pub fn dependents(&self, service: &str) -> impl Iterator<Item = &'p str> {
        let place = self.names.binary_search(&service).ok();
        let names = self.names.iter().zip(&self.upon);
        names.filter(move |(_, upon)| place.is_some_and(|place| upon.contains(&place))).map(|(name, _)| *name)
    }

    /// The services in an order in which each one comes after those that it depends upon.
    ///
    /// # Errors
    /// When services depend upon each other in a ring.
    pub fn order(&self) -> Result<Vec<&'p str>, Cycle> {
        let (order, mut cycles) = self.walk();
        if cycles.is_empty() { Ok(order) } else { Err(cycles.swap_remove(0)) }
    }

    /// The services in groups, each of which depends only upon the groups before it.
    ///
    /// # Errors
    /// When services depend upon each other in a ring.
    pub fn waves(&self) -> Result<Vec<Vec<&'p str>>, Cycle> {
        let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
        let mut waves: Vec<Vec<&'p str>> = Vec::new();
        for name in self.order()? {
            let depth = self.dependencies(name).filter_map(|upon| depths.get(upon)).max().map_or(0, |depth| depth + 1);
            depths.insert(name, depth);
            if waves.len() <= depth {
                waves.resize(depth + 1, Vec::new());
            }
            waves[depth].push(name);
        }
        for wave in &mut waves {
            wave.sort_unstable();
        }
        Ok(waves)
    }

    /// The first rings that a walk in the order of names comes upon, at most 20.
    pub fn cycles(&self) -> Vec<Cycle> {
        self.walk().1
    }

    fn walk(&self) -> (Vec<&'p str>, Vec<Cycle>) {
        let mut states: Vec<Option<State>> = vec![None; self.names.len()];
        let mut order = Vec::with_capacity(self.names.len());
        let mut cycles = Vec::new();
        for start in 0..self.names.len() {
            if states[start].is_some() {
                continue;
            }
            states[start] = Some(State::Open);
            // A stack of its own: a chain of dependencies may be as long as the document.
            let mut stack = vec![(start, self.upon[start].iter())];
            while let Some((place, rest)) = stack.last_mut() {
                let Some(&next) = rest.next() else {
                    states[*place] = Some(State::Done);
                    order.push(self.names[*place]);
                    stack.pop();
                    continue;
                };
                match states[next] {
                    None => {
                        states[next] = Some(State::Open);
                        stack.push((next, self.upon[next].iter()));
                    }
                    Some(State::Open) if cycles.len() < MOST_CYCLES => {
                        let ring = stack.iter().map(|(place, _)| *place).skip_while(|place| *place != next);
                        cycles.push(Cycle(ring.map(|place| self.names[place].to_owned()).collect()));
                    }
                    Some(State::Open | State::Done) => {}
                }
            }
        }
        (order, cycles)
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Service, ServiceDependency};
    use super::*;

    fn project(edges: &[(&str, &[&str])]) -> Project {
        let mut project = Project::default();
        for (name, upon) in edges {
            let mut service = Box::<Service>::default();
            for name in *upon {
                service.workload.depends_on.insert((*name).to_owned(), ServiceDependency::default());
            }
            project.services.insert((*name).to_owned(), service);
        }
        project
    }

    #[test]
    fn dependencies_come_first() {
        let project = project(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[]), ("d", &["gone"])]);
        let graph = Graph::new(&project);
        assert_eq!(graph.order().unwrap(), ["c", "b", "a", "d"]);
        assert_eq!(graph.waves().unwrap(), [vec!["c", "d"], vec!["b"], vec!["a"]]);
        assert_eq!(graph.dependents("c").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(graph.dependencies("a").collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn rings_are_found() {
        let project = project(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &["d"])]);
        let graph = Graph::new(&project);
        let rings: Vec<_> = graph.cycles().into_iter().map(|cycle| cycle.0).collect();
        assert_eq!(rings, [vec!["b", "c"], vec!["d"]]);
        assert_eq!(graph.order().unwrap_err().to_string(), "services depend on each other in a ring: b -> c -> b");
    }
}
