//! The settings of a session, shared with the functions of its statements that read and change them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::base::ErrorReport;
use crate::catalog::system::{SessionSettings, Setting};

use super::settings::{ListedSetting, Settings};

/// The settings of a session.
#[derive(Debug, Clone)]
pub(super) struct SharedSettings(Arc<Mutex<Settings>>);

impl SharedSettings {
    pub(super) fn new(settings: Settings) -> Self {
        Self(Arc::new(Mutex::new(settings)))
    }

    /// Nobody holds them over an await.
    pub(super) fn lock(&self) -> MutexGuard<'_, Settings> {
        self.0.lock()
    }
}

/// The settings as the functions of one plan see them.
#[derive(Debug)]
pub(super) struct PlannedSettings {
    settings: SharedSettings,
    /// The list of them became rows of the plan, so that the plan is for one run only.
    were_listed: AtomicBool,
}

impl PlannedSettings {
    pub(super) fn new(settings: &SharedSettings) -> Arc<Self> {
        Arc::new(Self { settings: settings.clone(), were_listed: AtomicBool::new(false) })
    }

    pub(super) fn were_listed(&self) -> bool {
        self.were_listed.load(Ordering::Relaxed)
    }
}

impl SessionSettings for PlannedSettings {
    fn all(&self) -> Vec<Setting> {
        self.were_listed.store(true, Ordering::Relaxed);
        let settings = self.settings.lock();
        settings.all().iter().map(ListedSetting::system_row).collect()
    }

    fn get(&self, name: &str) -> Option<String> {
        self.settings.lock().get(name).ok().map(str::to_owned)
    }

    fn set(&self, name: &str, value: Option<&str>, local: bool) -> Result<String, ErrorReport> {
        let mut settings = self.settings.lock();
        settings.set(name, value, local)?;
        settings.get(name).map(str::to_owned)
    }
}
