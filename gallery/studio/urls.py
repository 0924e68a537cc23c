"""Addresses of the studio."""

from __future__ import annotations

from django.urls import path

from gallery.studio import cutting, deeds, desk, history, inputs_views, presets, views

urlpatterns = [
    path("studio/", views.studio, name="studio"),
    path("studio/make/", views.make, name="studio_make"),
    path("studio/cut/", cutting.cut, name="studio_cut"),
    path("studio/form/", desk.form, name="studio_form"),
    path("studio/quote/", desk.quote, name="studio_quote"),
    path("studio/upload/", inputs_views.upload, name="studio_upload"),
    path("studio/file/<slug:public_id>/", inputs_views.file, name="studio_file"),
    path("studio/use/<slug:public_id>/", inputs_views.use, name="studio_use"),
    path("studio/shelf/", inputs_views.shelf, name="studio_shelf"),
    path("studio/seed/", inputs_views.seed, name="studio_seed"),
    path("studio/live/", deeds.live, name="studio_live"),
    path("studio/prompts/", history.prompts, name="studio_prompts"),
    path("studio/presets/", presets.save, name="studio_presets"),
    path("studio/presets/<int:number>/apply/", presets.apply, name="studio_preset_apply"),
    path("studio/presets/<int:number>/name/", presets.change, name="studio_preset_name"),
    path("studio/presets/<int:number>/delete/", presets.delete, name="studio_preset_delete"),
    path("studio/batch/<slug:batch>/", deeds.group, name="studio_group"),
    path("studio/batch/<slug:batch>/cancel/", deeds.cancel_rest, name="studio_cancel_rest"),
    path("studio/vary/<slug:public_id>/", deeds.vary, name="studio_vary"),
    path("studio/vary/<slug:public_id>/price/", deeds.vary_price, name="studio_vary_price"),
    path("studio/<slug:public_id>/cancel/", deeds.cancel, name="studio_cancel"),
    path("studio/<slug:public_id>/again/", deeds.again, name="studio_again"),
]
