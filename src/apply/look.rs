//! Finding out how children stand to what is live, with as few requests as can be.

use super::Request;
use super::bring::{Brought, failed};
use super::record::Record;
use super::send::Sender;
use super::standing::{Standing, changes_pods, is_done, standing};
use super::wanted::Wanted;

/// A child with how it stands to what is live.
pub(super) struct Looked<'w> {
    pub wanted: &'w Wanted,
    pub standing: Standing,
    pub changes_pods: bool,
}

/// Finds out how a child stands to what is live. Nothing is asked for that a watch has told, unless it broke, and of what is not
/// watched the inventory is believed until a pass verifies. What is in no watch is asked for once, before anything of a
/// plan is sent: from then on, creating it tells whether somebody took the name.
pub(super) async fn look<'w>(
    sender: Sender<'_>,
    wanted: &'w Wanted,
    record: Option<&Record>,
    Request { verify, looked, .. }: Request<'_>,
) -> Result<Looked<'w>, Brought> {
    let known = sender.live.get(wanted.kind, &sender.owner.namespace, &wanted.name);
    let is_told = sender.live.is_told(wanted.kind, &sender.owner.namespace);
    let told = is_told && known.as_ref().is_some_and(|known| known.stack.is_some());
    let believed =
        !sender.live.watches(wanted.kind) && !verify && record.is_some_and(|it| it.applied == wanted.applied);
    let done = known.is_none() && is_done(wanted, record);
    if believed || done {
        return Ok(Looked { wanted, standing: Standing::Same, changes_pods: false });
    }
    if looked && !verify && known.is_none() && sender.live.watches(wanted.kind) {
        let changes_pods = changes_pods(&Standing::Create, wanted, None, record);
        return Ok(Looked { wanted, standing: Standing::Create, changes_pods });
    }
    let live = if told {
        known
    } else {
        // What is not there, or has lost its labels, is in no watch.
        let read = sender.read(wanted.kind, &wanted.name).await.map_err(|failure| failed(failure, wanted))?;
        if let (None, Some(known)) = (&read, known) {
            sender.live.remove(wanted.kind, &sender.owner.namespace, &wanted.name, &known.uid);
            if is_done(wanted, record) {
                return Ok(Looked { wanted, standing: Standing::Same, changes_pods: false });
            }
        }
        read
    };
    let standing = standing(sender.owner, wanted, live.as_deref(), record);
    let changes_pods = changes_pods(&standing, wanted, live.as_deref(), record);
    Ok(Looked { wanted, standing, changes_pods })
}
