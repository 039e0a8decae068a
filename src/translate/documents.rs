//! The objects of a plan as YAML documents, for those who want the text and nothing else.
//!
//! The objects of a service take five times the room of their text, so that each is written once it was judged, and
//! only the text is kept: of a large project, most of the memory that a plan takes, and much of the time that it takes to
//! get at that memory.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::ops::Range;

use super::child::Object;
use super::claim::{self, Backing};
use super::collision::{self, Taken};
use super::context::{Context, Unit};
use super::made::Made;
use super::notes::Notes;
use super::plan::{Gate, Note, Plan};
use super::{AT_ONCE, Facts, Stack, follow, gates, in_context, in_words, of_all_services, seed, whole};
use crate::compose::Project;
use crate::parallel::Threads;
use crate::policy::{self, Policy};
use crate::yaml::{Kubernetes, Out, WriteError, append};

/// The room that the documents of most services take, in bytes. What is not written takes none.
const ROOM: usize = 8 << 10;

/// The room that the document of a claim or of a network takes, in bytes.
const ROOM_OF_ONE: usize = 512;

/// What [`Plan::objects`] would be, written, and what there is to say about it.
pub struct Documents {
    /// As [`Plan::notes`].
    pub notes: Vec<Note>,
    pages: Vec<Page>,
    /// The documents in their order: a page, and a place on it.
    order: Vec<(usize, Range<usize>)>,
}

impl Documents {
    /// Writes the documents, each with its `---`.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let text = |(page, place): &(usize, Range<usize>)| &self.pages[*page].text.as_bytes()[place.clone()];
        let mut texts: Vec<IoSlice> = self.order.iter().map(|place| IoSlice::new(text(place))).collect();
        let mut left = &mut *texts;
        while !left.is_empty() {
            match out.write_vectored(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut left, written),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Does what [`translate`](super::translate) does, on several threads, and writes what it comes to.
///
/// # Errors
/// When an object has no form in YAML, which a test of each kind excludes.
pub fn documents_on(
    threads: Threads,
    project: &Project,
    stack: &Stack,
    facts: &Facts,
    policy: &Policy,
) -> Result<Documents, WriteError> {
    let (made, notes) = in_context(threads, project, stack, facts, policy, |context, notes| {
        let mut pages = Vec::new();
        // These change what other services have become.
        if follow::is_asked_for(context) || seed::is_asked_for(context) {
            pages.push(page_of(&whole(threads, context, notes), policy)?);
        } else {
            let units: Vec<&Unit> = context.units.values().collect();
            let backings: Vec<_> = context.backings.iter().collect();
            let marks = seed::marks(context);
            let claims = |part: &[_]| of_volumes(context, part, &marks, policy);
            let (of_services, (of_volumes, of_all, said)) = threads.both(
                units.len(),
                || threads.on_parts(AT_ONCE, &units, |units| of_services(context, units, policy)),
                || {
                    let of_volumes = threads.on_parts(AT_ONCE, &backings, claims);
                    let mut notes = Notes::default();
                    let page = page_of(&of_all_services(context, &mut notes), policy);
                    (of_volumes, page, notes)
                },
            );
            for page in of_services.into_iter().chain(of_volumes) {
                pages.push(page?);
            }
            pages.push(of_all?);
            notes.append(said);
        }
        notes.append_all(pages.iter_mut().map(|page| std::mem::take(&mut page.notes)).collect());
        let of_names = || {
            let mut notes = Notes::default();
            collision::note(&pages.iter().map(|page| &*page.names).collect::<Vec<_>>(), &mut notes);
            notes
        };
        let (said, order) = threads.both(context.units.len(), of_names, || in_order(&pages));
        notes.append(said);
        Ok((pages, order))
    });
    let (pages, order) = made?;
    Ok(Documents { notes: in_words(project, notes), pages, order })
}

fn page_of(plan: &Plan, policy: &Policy) -> Result<Page, WriteError> {
    let mut pen = Pen::new(policy);
    pen.out.text.reserve(plan.objects().count() * ROOM_OF_ONE);
    pen.write(plan)?;
    Ok(pen.done())
}

fn of_services(context: &Context, units: &[&Unit], policy: &Policy) -> Result<Page, WriteError> {
    let mut pen = Pen::new(policy);
    pen.out.text.reserve(units.len() * ROOM);
    // One at a time: the room of its objects is that of the next one's, which stays close to the processor.
    for unit in units {
        let (plan, notes) = Made::of(context, &[unit]).into_plan();
        pen.write(&plan)?;
        pen.page.notes.append(notes);
    }
    // Here rather than where all of them are: that is no work for several threads.
    pen.page.notes.sort();
    Ok(pen.done())
}

fn of_volumes(
    context: &Context,
    backings: &[(&&str, &Backing)],
    marks: &BTreeMap<String, String>,
    policy: &Policy,
) -> Result<Page, WriteError> {
    let mut pen = Pen::new(policy);
    pen.out.text.reserve(backings.len() * ROOM_OF_ONE);
    for (key, backing) in backings {
        let claim = claim::of_volume(context, key, backing, marks, &mut pen.page.notes);
        pen.write(&Plan { claims: claim.into_iter().collect(), ..Plan::default() })?;
    }
    Ok(pen.done())
}

/// Some documents, and what has to be known of their objects to put them together with others.
#[derive(Default)]
struct Page {
    text: String,
    documents: Vec<Document>,
    names: Vec<Taken<'static>>,
    notes: Notes,
}

#[derive(Debug)]
struct Document {
    tier: Tier,
    /// What it stands in line by, among those of its tier; empty where they are in line already.
    name: String,
    /// What has to come before it.
    gates: Vec<Gate>,
    place: Range<usize>,
}

/// Kinds of objects, in the order of [`Plan::objects`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    ConfigMaps,
    Secrets,
    Claims,
    NetworkPolicies,
    NetworkAttachments,
    Services,
    Ingresses,
    HttpRoutes,
    Autoscalers,
    Workloads,
}

impl Tier {
    fn of(object: &Object) -> Self {
        match object {
            Object::ConfigMap(_) => Self::ConfigMaps,
            Object::Secret(_) => Self::Secrets,
            Object::Claim(_) => Self::Claims,
            Object::NetworkPolicy(_) => Self::NetworkPolicies,
            Object::NetworkAttachment(_) => Self::NetworkAttachments,
            Object::Service(_) => Self::Services,
            Object::Ingress(_) => Self::Ingresses,
            Object::HttpRoute(_) => Self::HttpRoutes,
            Object::Autoscaler(_) => Self::Autoscalers,
            Object::Workload(_) => Self::Workloads,
        }
    }

    fn is_by_name(self) -> bool {
        matches!(self, Self::ConfigMaps | Self::Secrets | Self::NetworkPolicies | Self::Services)
    }

    /// Whether equal names are equal objects, of which one is enough.
    fn is_by_content(self) -> bool {
        matches!(self, Self::ConfigMaps | Self::Secrets)
    }
}

/// Fills a page.
struct Pen<'p> {
    policy: &'p Policy,
    out: Out,
    page: Page,
}

impl<'p> Pen<'p> {
    fn new(policy: &'p Policy) -> Self {
        Self { policy, out: Out::default(), page: Page::default() }
    }

    /// Judges a part of a plan, and writes its objects.
    fn write(&mut self, plan: &Plan) -> Result<(), WriteError> {
        for note in policy::judge(plan, self.policy) {
            self.page.notes.add(note);
        }
        self.page.names.extend(collision::names(plan).map(Taken::into_owned));
        let mut workloads = plan.workloads.iter();
        for object in plan.objects() {
            let start = self.out.text.len();
            self.out.text.push_str("---\n");
            append::<Kubernetes>(&mut self.out, &object)?;
            let tier = Tier::of(&object);
            let (name, gates) = match tier {
                Tier::Workloads => {
                    workloads.next().map(|it| (it.service.clone(), it.gates.clone())).unwrap_or_default()
                }
                tier if tier.is_by_name() => (object.name().to_owned(), Vec::new()),
                _ => Default::default(),
            };
            self.page.documents.push(Document { tier, name, gates, place: start..self.out.text.len() });
        }
        Ok(())
    }

    fn done(self) -> Page {
        Page { text: self.out.text, ..self.page }
    }
}

/// Where the documents stand, in the order of [`Plan::objects`].
fn in_order(pages: &[Page]) -> Vec<(usize, Range<usize>)> {
    let mut all: Vec<(usize, &Document)> = pages
        .iter()
        .enumerate()
        .flat_map(|(page, it)| it.documents.iter().map(move |document| (page, document)))
        .collect();
    all.sort_by_key(|(_, document)| document.tier);
    // The names of a tier are mostly in order, which is soon seen.
    for tier in all.chunk_by_mut(|(_, a), (_, b)| a.tier == b.tier).filter(|tier| tier[0].1.tier.is_by_name()) {
        tier.sort_by_key(|(_, document)| &*document.name);
    }
    all.dedup_by(|(_, a), (_, b)| a.tier.is_by_content() && a.tier == b.tier && a.name == b.name);
    let workloads = all.split_off(all.partition_point(|(_, document)| document.tier < Tier::Workloads));
    let waits: Vec<_> = workloads.iter().map(|(_, document)| (document.name.as_str(), &*document.gates)).collect();
    all.extend(gates::order(&waits).into_iter().map(|index| workloads[index]));
    all.into_iter().map(|(page, document)| (page, document.place.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::translate::{fixture, translate};
    use crate::yaml::to_string;

    /// Enough services for several threads, that share configs, volumes and networks, and wait for each other.
    #[test]
    fn what_several_threads_write_is_the_plan() {
        let mut text = String::from("services:\n");
        for i in 0..300 {
            writeln!(
                text,
                "  s{i}: {{image: x, configs: [{{source: c{}, target: /c}}], ports: [{{target: 80, published: \"{}\", \
                 protocol: tcp, mode: ingress}}], networks: {{n{}: {{aliases: [a{}]}}}}, volumes: [{{type: volume, \
                 source: v{}, target: /d}}], depends_on: {{s{}: {{condition: service_started, required: true}}}}}}",
                i % 7,
                8000 + i,
                i % 3,
                i % 11,
                i % 13,
                if i % 50 == 49 { 400 } else { i + 1 },
            )
            .unwrap();
        }
        text.push_str("networks: {n0: {name: n0}, n1: {name: n1}, n2: {name: n2}}\nconfigs:\n");
        (0..7).for_each(|i| writeln!(text, "  c{i}: {{name: c{i}, content: \"{i}\"}}").unwrap());
        text.push_str("volumes:\n");
        (0..13).for_each(|i| writeln!(text, "  v{i}: {{name: p_v{i}}}").unwrap());
        let (project, stack, policy) = (fixture::project(&text), fixture::stack(), Policy::default());
        let plan = translate(&project, &stack, &Facts::default(), &policy);
        let documents = documents_on(Threads::EachProcessor, &project, &stack, &Facts::default(), &policy).unwrap();
        let mut written = Vec::new();
        documents.write(&mut written).unwrap();
        let mut expected = String::new();
        plan.objects().for_each(|it| write!(expected, "---\n{}", to_string::<Kubernetes>(&it).unwrap()).unwrap());
        assert_eq!(documents.notes, plan.notes);
        assert!(String::from_utf8(written).unwrap() == expected);
        assert!(plan.config_maps.len() == 7 && plan.workloads.len() == 300);
    }
}
