"""URLs of the studio."""

from __future__ import annotations

from django.urls import path

from studio.views import actions, create, cutouts, picture_picker, presets, prompt_history

urlpatterns = [
    path("studio/", create.studio, name="studio"),
    path("studio/make/", create.make, name="studio_make"),
    path("studio/cut/", cutouts.cut_out, name="studio_cut"),
    path("studio/form/", create.form, name="studio_form"),
    path("studio/quote/", create.quote, name="studio_quote"),
    path("studio/upload/", picture_picker.upload, name="studio_upload"),
    path("studio/file/<slug:public_id>/", picture_picker.file, name="studio_file"),
    path("studio/use/<slug:public_id>/", picture_picker.use, name="studio_use"),
    path("studio/shelf/", picture_picker.picker, name="studio_shelf"),
    path("studio/seed/", picture_picker.seed, name="studio_seed"),
    path("studio/live/", actions.live, name="studio_live"),
    path("live/strips/", actions.strips, name="live_strips"),
    path("studio/prompts/", prompt_history.prompts, name="studio_prompts"),
    path("studio/presets/", presets.save, name="studio_presets"),
    path("studio/presets/<int:number>/apply/", presets.apply, name="studio_preset_apply"),
    path("studio/presets/<int:number>/name/", presets.change, name="studio_preset_name"),
    path("studio/presets/<int:number>/delete/", presets.delete, name="studio_preset_delete"),
    path("studio/batch/<slug:batch>/", actions.group, name="studio_group"),
    path("studio/batch/<slug:batch>/cancel/", actions.cancel_rest, name="studio_cancel_rest"),
    path("studio/vary/<slug:public_id>/", actions.vary, name="studio_vary"),
    path("studio/vary/<slug:public_id>/price/", actions.vary_price, name="studio_vary_price"),
    path("studio/<slug:public_id>/cancel/", actions.cancel, name="studio_cancel"),
    path("studio/<slug:public_id>/again/", actions.retry, name="studio_again"),
]
