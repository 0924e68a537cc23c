"""Pipelines with random weights, about a million parameters each, saved as diffusers folders. Needs the extra `local`.

torch is imported inside the functions: the suite collects this folder where the extra is not installed, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORDS = ["a", "red", "blue", "cat", "sea", "the"]


def build(folder: Path) -> None:
    """Build every set of weights for the tests, each in its own folder below `folder`."""
    for name, make in MAKERS.items():
        make(folder / name)


def _seeded(number: int) -> None:
    import torch

    torch.manual_seed(number)


def _clip_tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer over single bytes: 512 letters and two marks, no merges."""
    from transformers import CLIPTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(one) for one in printable]
    letters += [chr(256 + n) for n in range(256 - len(printable))]
    tokens = [*letters, *(f"{one}</w>" for one in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def _clip_text(size: int = 32, projection: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=514, hidden_size=size, intermediate_size=37, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=77, bos_token_id=512, eos_token_id=513, pad_token_id=513, projection_dim=size,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projection else CLIPTextModel)(config).eval()


def _vae(channels: int = 4, **more: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=channels, block_out_channels=[8, 16, 16, 16],
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        norm_num_groups=4, sample_size=64, **more,
    ).eval()  # fmt: skip


def _unet(in_channels: int = 4, cross: int = 32, **more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        in_channels=in_channels, out_channels=4, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross, norm_num_groups=8, sample_size=8,
        **{"attention_head_dim": 4, **more},
    ).eval()  # fmt: skip


def _sd_scheduler() -> Any:
    from diffusers import PNDMScheduler

    return PNDMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
    )


def _sd_parts(folder: Path, in_channels: int = 4) -> dict[str, Any]:
    return {
        "vae": _vae(),
        "text_encoder": _clip_text(),
        "tokenizer": _clip_tokenizer(folder.parent / "tokens"),
        "unet": _unet(in_channels),
        "scheduler": _sd_scheduler(),
    }


def _sd(folder: Path) -> None:
    from diffusers import StableDiffusionPipeline

    _seeded(1)
    pipe = StableDiffusionPipeline(
        **_sd_parts(folder), safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipe.save_pretrained(folder)


def _inpainting(folder: Path) -> None:
    from diffusers import StableDiffusionInpaintPipeline

    _seeded(2)
    pipe = StableDiffusionInpaintPipeline(
        **_sd_parts(folder, 9), safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipe.save_pretrained(folder)


def _checked(folder: Path, flags: bool) -> None:
    """Stable Diffusion with a safety checker that flags everything, or nothing."""
    from diffusers import StableDiffusionPipeline

    _seeded(1)
    pipe = StableDiffusionPipeline(
        **_sd_parts(folder), safety_checker=_checker(flags), feature_extractor=_extractor()
    )
    pipe.save_pretrained(folder)


def _checker(flags: bool) -> Any:
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    config = CLIPConfig(
        projection_dim=16,
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 32, "patch_size": 16,
        },
    )  # fmt: skip
    checker = StableDiffusionSafetyChecker(config).eval()
    with torch.no_grad():
        # A concept counts where the likeness, -1 to 1, is above its weight.
        checker.concept_embeds_weights.fill_(-5.0 if flags else 5.0)
        checker.special_care_embeds_weights.fill_(5.0)
    return checker


def _extractor() -> Any:
    from transformers import CLIPImageProcessor

    return CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def _sdxl_parts(folder: Path) -> dict[str, Any]:
    from diffusers import EulerDiscreteScheduler

    unet = _unet(
        cross=64, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80, use_linear_projection=True,
        transformer_layers_per_block=(1, 1), attention_head_dim=(2, 4),
    )  # fmt: skip
    return {
        "vae": _vae(),
        "text_encoder": _clip_text(),
        "text_encoder_2": _clip_text(projection=True),
        "tokenizer": _clip_tokenizer(folder.parent / "tokens"),
        "tokenizer_2": _clip_tokenizer(folder.parent / "tokens"),
        "unet": unet,
        "scheduler": EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
    }


def _sdxl(folder: Path) -> None:
    from diffusers import StableDiffusionXLPipeline

    _seeded(3)
    StableDiffusionXLPipeline(**_sdxl_parts(folder)).save_pretrained(folder)


def _refiner(folder: Path) -> None:
    from diffusers import StableDiffusionXLImg2ImgPipeline

    _seeded(4)
    pipe = StableDiffusionXLImg2ImgPipeline(**_sdxl_parts(folder), requires_aesthetics_score=False)
    pipe.save_pretrained(folder)


def _flux(folder: Path) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    _seeded(5)
    transformer = FluxTransformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=16,
        num_attention_heads=2, joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=[4, 4, 8],
        guidance_embeds=True,
    )  # fmt: skip
    text_2, tokens_2 = _t5(folder.parent / "t5tokens")
    FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_vae(4, shift_factor=0.06, scaling_factor=1.5, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=_clip_text(),
        tokenizer=_clip_tokenizer(folder.parent / "tokens"),
        text_encoder_2=text_2,
        tokenizer_2=tokens_2,
        transformer=transformer.eval(),
    ).save_pretrained(folder)


def _t5(folder: Path) -> tuple[Any, Any]:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    vocabulary = {word: index for index, word in enumerate(["<pad>", "</s>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokens = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=512,
    )
    config = T5Config(
        vocab_size=len(vocabulary), d_model=32, d_ff=37, d_kv=8, num_layers=2, num_heads=4,
        is_encoder_decoder=False,
    )  # fmt: skip
    return T5EncoderModel(config).eval(), tokens


def _motion(folder: Path) -> None:
    from diffusers import MotionAdapter

    _seeded(6)
    MotionAdapter(
        block_out_channels=(16, 32), motion_layers_per_block=1, motion_norm_num_groups=8,
        motion_num_attention_heads=4, motion_max_seq_length=32,
    ).save_pretrained(folder)  # fmt: skip


def _lora(folder: Path, base: Path, part: str, save: Callable[..., None]) -> None:
    """LoRA weights, made in the usual way: an adapter added to the network and filled with random numbers."""
    import diffusers
    import torch
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipe = diffusers.DiffusionPipeline.from_pretrained(str(base), local_files_only=True)
    network = getattr(pipe, part)
    network.add_adapter(LoraConfig(r=4, target_modules=["to_q", "to_k", "to_v", "to_out.0"]))
    _seeded(7)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "lora_" in name:
                value.normal_(0, 0.5)
    save(folder, get_peft_model_state_dict(network))


def _flux_lora(folder: Path) -> None:
    from diffusers import FluxPipeline

    _lora(
        folder / "me" / "painted", folder.parent / "flux", "transformer",
        lambda place, weights: FluxPipeline.save_lora_weights(place, transformer_lora_layers=weights),
    )  # fmt: skip


def _sd_lora(folder: Path) -> None:
    from diffusers import StableDiffusionPipeline

    _lora(
        folder, folder.parent / "sd", "unet",
        lambda place, weights: StableDiffusionPipeline.save_lora_weights(place, unet_lora_layers=weights),
    )  # fmt: skip


MAKERS: dict[str, Callable[[Path], None]] = {
    "sd": _sd,
    "inpainting": _inpainting,
    "strict": lambda folder: _checked(folder, True),
    "lenient": lambda folder: _checked(folder, False),
    "sdxl": _sdxl,
    "refiner": _refiner,
    "flux": _flux,
    "motion": _motion,
    "loras": _flux_lora,
    "sd_lora": _sd_lora,
}
